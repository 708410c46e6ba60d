#include "watched.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"
#include "input/read_stats.h"

struct watched *watched_create(uint32_t pid, const char *path) {
  struct watched *const w = must_allocate(sizeof(*w));
  w->pid = pid;
  w->path = must_copy(path);
  return w;
}

void watched_destroy(struct watched *w) {
  if (w == NULL) return;
  model_destroy((struct report *)w->page.stats);
  free(w->path);
  free(w->trouble);
  free(w);
}

uint64_t watched_incidents(const struct model_process *p) {
  const struct stats_counters *const c = &p->counts->counters;
  return c->hdr_reset + c->shared_fail_limit + c->shared_fail_os_enomem + c->shared_fail_no_address_space;
}

static double above(uint64_t a, uint64_t b) { return a > b ? (double)(a - b) : 0; }

static void take_rates(struct watched *w, const struct model_process *before, const struct model_process *p, double seconds) {
  w->rate = (struct watched_rate){0};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const from = &before->counts->cls[cls].counters, *const to = &p->counts->cls[cls].counters;
    w->rates[cls] = (struct watched_rate){above(to->allocs, from->allocs) / seconds, above(to->frees, from->frees) / seconds};
    w->rate.allocs += w->rates[cls].allocs;
    w->rate.frees += w->rates[cls].frees;
  }
  w->has_rates = true;
}

static void keep(uint64_t *history, unsigned length, uint64_t value) {
  if (length == WATCHED_HISTORY) memmove(history, history + 1, (--length) * sizeof(*history));
  history[length] = value;
}

static void take_history(struct watched *w) {
  keep(w->history_rss, w->history_length, w->p->rss);
  keep(w->history_live, w->history_length, w->p->buckets.live);
  keep(w->history_calls, w->history_length, whole_number(w->rate.allocs + w->rate.frees));
  if (w->history_length < WATCHED_HISTORY) w->history_length++;
}

static struct report *read_report(const struct watched *w) {
  struct report *const r = model_create(SOURCE_STATS, w->path);
  if (read_stats_file(r, w->path, 0) && r->process_count > 0) {
    read_stats_end(r);
    model_finish(r);
    return r;
  }
  model_destroy(r);
  return NULL;
}

/* A process that ended may have taken its file with it, or its descriptor: then its last figures stay. */
void watched_refresh(struct watched *w, double now) {
  if (w->is_gone) return;
  struct report *const r = read_report(w);
  free(w->trouble);
  w->trouble = r == NULL ? must_copy(failure()) : NULL;
  if (r == NULL) {
    w->is_gone = true;
    w->rate = (struct watched_rate){0};
    memset(w->rates, 0, sizeof(w->rates));
    return;
  }
  struct report *const before = (struct report *)w->page.stats;
  const struct model_process *const old = w->p, *const new = r->processes[0];
  w->page = (struct page){.stats = r, .main = r, .memory = r, .path = w->path, .all = true};
  w->p = new;
  w->since = w->as_of;
  w->as_of = now;
  if (old != NULL) {
    take_rates(w, old, new, now > w->since ? now - w->since : 1);
    if (watched_incidents(new) > watched_incidents(old)) w->last_incident = now;
  }
  w->is_gone = !model_is_alive(new);
  take_history(w);
  model_destroy(before);
}
