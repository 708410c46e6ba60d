#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/relay/follow.h"

static int by_name(const void *a, const void *b) { return strcmp(((const struct session_row *)a)->f.name, ((const struct session_row *)b)->f.name); }

static void free_rows(struct session_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) free(rows[i].f.name);
  free(rows);
}

static double rate(uint64_t before, uint64_t now, double seconds) { return now > before && seconds > 0 ? (double)(now - before) / seconds : 0; }

/* The rows of the page; `before`, if it is not NULL, has those of the reading before, in the same order. */
static void make_rows(struct sessions *s, const struct session_row *before, size_t before_count) {
  size_t count;
  s->page.by = s->by;
  struct group_row *const groups = groups_of(&s->page, &count);
  s->rows = must_allocate((count + 1) * sizeof(*s->rows));
  for (size_t i = 0; i < count; i++) s->rows[i].f = groups[i];
  free(groups); /* the names are in the rows now */
  s->count = count;
  s->rows_by = s->by;
  qsort(s->rows, count, sizeof(*s->rows), by_name);
  for (size_t i = 0; i < count; i++) {
    struct session_row *const row = &s->rows[i];
    const struct session_row *const old = before != NULL ? bsearch(row, before, before_count, sizeof(*before), by_name) : NULL;
    row->has_rates = before != NULL;
    row->refills_rate = rate(old != NULL ? old->f.refills : 0, row->f.refills, s->as_of - s->since);
    row->drains_rate = rate(old != NULL ? old->f.drains : 0, row->f.drains, s->as_of - s->since);
  }
}

static bool tells_rates(const struct sessions *s) { return s->rows != NULL && s->count > 0 && s->rows_by == s->by; }

bool sessions_refresh(struct sessions *s, double now) {
  if (s->follow == NULL && (s->follow = follow_start(s->addresses, s->address_count)) == NULL) return false;
  struct report *const before = (struct report *)s->page.trace, *const r = follow_take(s->follow);
  struct session_row *const rows = s->rows;
  const size_t count = s->count;
  s->page.trace = s->page.main = s->page.memory = r;
  s->since = s->as_of;
  s->as_of = now;
  make_rows(s, tells_rates(s) ? rows : NULL, count);
  free_rows(rows, count);
  model_destroy(before);
  const char *const trouble = sessions_trouble(s);
  if (r->events > 0 || follow_running(s->follow) > 0) return true;
  return fail("%s", trouble != NULL ? trouble : "the session has ended, and no event of hakmem was in it");
}

void sessions_group_next(struct sessions *s) {
  s->by = s->by == GROUP_BY_PROCESS ? GROUP_BY_HOST : s->by + 1;
  if (s->rows == NULL) return;
  free_rows(s->rows, s->count);
  make_rows(s, NULL, 0);
}

bool sessions_are_quiet(const struct sessions *s) {
  bool quiet = false;
  for (size_t i = 0; s->page.trace != NULL && i < s->page.trace->host_count; i++) {
    const struct model_host *const host = s->page.trace->hosts[i];
    quiet = quiet || (host->is_live && host->events == 0);
  }
  return quiet;
}

size_t sessions_running(const struct sessions *s) { return s->follow != NULL ? follow_running(s->follow) : 0; }

const char *sessions_trouble(const struct sessions *s) {
  for (size_t i = 0; i < s->address_count; i++) {
    if (follow_trouble(s->follow, i) != NULL) return follow_trouble(s->follow, i);
  }
  return NULL;
}

void sessions_free(struct sessions *s) {
  follow_end(s->follow);
  free_rows(s->rows, s->count);
  model_destroy((struct report *)s->page.trace);
}
