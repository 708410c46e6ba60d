#include "scrape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/format.h"
#include "common/memory.h"
#include "export/export.h"
#include "input/read_stats.h"
#include "model/model.h"

struct known {
  uint64_t id;
  bool is_seen, was_present;
  struct histogram *calls[CALL_KIND_COUNT]; /* the largest so far; NULL: none yet */
};

static struct known *known_of(struct scrape *s, uint64_t id) {
  for (size_t i = 0; i < s->count; i++) {
    if (s->known[i].id == id) return &s->known[i];
  }
  s->known = must_grow(s->known, s->count, &s->capacity, sizeof(*s->known));
  s->known[s->count] = (struct known){.id = id};
  return &s->known[s->count++];
}

static void forget(struct known *k) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) free(k->calls[kind]);
}

static void forget_ended(struct scrape *s) {
  size_t kept = 0;
  for (size_t i = 0; i < s->count; i++) {
    if (s->known[i].is_seen) s->known[kept++] = s->known[i];
    else forget(&s->known[i]);
  }
  s->count = kept;
}

/* ---- The figures of one process ---- */

static void add_counter(struct families *all, const char *name, const char *help, uint64_t value) {
  char full[128];
  const char *const unit = openmetrics_counter_name("", name, full, sizeof(full));
  families_add(all, families_next(all, FAMILY_COUNTER, full, unit, NULL, help), NULL, strcmp(unit, "seconds") == 0 ? (double)value / 1e9 : (double)value);
}

static void add_gauge(struct families *all, const char *name, const char *unit, const char *help, uint64_t value) {
  struct family *const f = families_next(all, FAMILY_GAUGE, name, unit, NULL, help);
  if (value != UNKNOWN) families_add(all, f, NULL, (double)value);
}

static void add_counters(struct families *all, const struct model_counts *counts) {
  const struct stats_counters *const c = &counts->counters;
  add_counter(all, "allocs", "blocks handed out", model_sum_allocs(counts));
  add_counter(all, "frees", "blocks that came back", model_sum_frees(counts));
  add_counter(all, "incidents", "headers found wrong, and shared_fails",
              c->hdr_reset + c->shared_fail_limit + c->shared_fail_os_enomem + c->shared_fail_no_address_space);
#define ADD_COUNTER(name, meaning) add_counter(all, #name, meaning, c->name);
  STATS_COUNTERS(ADD_COUNTER)
}

static void add_memory(struct families *all, const struct model_process *p) {
  struct family *const f = families_next(all, FAMILY_GAUGE, "memory_bytes", "bytes", "bucket", "Where the memory is, by bucket");
#define ADD_BUCKET(name, meaning) \
  if (p->has_buckets && p->buckets.name != UNKNOWN) families_add(all, f, #name, (double)p->buckets.name);
  STATS_BUCKETS(ADD_BUCKET)
  add_gauge(all, "mapped_bytes", "bytes", "Address space of the allocator", p->has_buckets ? p->mapped : UNKNOWN);
  add_gauge(all, "committed_bytes", "bytes", "Memory of the allocator", p->has_buckets ? p->committed : UNKNOWN);
  add_gauge(all, "resident_bytes", "bytes", "Resident set of the process, from the kernel", p->has_buckets ? p->rss : UNKNOWN);
  add_gauge(all, "superslabs", "", "SuperSlabs in use", p->superslabs_active);
}

/* The class with the most memory in live blocks that is not `done` yet; CLASS_ROWS: there is none. */
static uint32_t next_class(const struct model_counts *counts, const bool done[CLASS_ROWS]) {
  uint32_t best = CLASS_ROWS;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const uint64_t value = counts->cls[cls].gauge.allocated;
    if (done[cls] || value == 0 || value == UNKNOWN) continue;
    if (best == CLASS_ROWS || value > counts->cls[best].gauge.allocated) best = cls;
  }
  return best;
}

/* Returns how many classes were left out. */
static size_t add_classes(struct families *all, const struct model_counts *counts) {
  families_next(all, FAMILY_GAUGE, "class_allocated_bytes", "bytes", "class", "Bytes of the live blocks' strides, of the largest classes");
  families_next(all, FAMILY_GAUGE, "class_active_bytes", "bytes", "class", "Bytes of the slabs in use, of the same classes");
  struct family *const allocated = &all->list[all->at - 2], *const active = &all->list[all->at - 1];
  bool done[CLASS_ROWS] = {false};
  size_t shown = 0;
  uint32_t cls;
  for (; (cls = next_class(counts, done)) != CLASS_ROWS; shown++) {
    char name[MODEL_CLASS_NAME];
    const struct model_gauges *const g = &counts->cls[cls].gauge;
    done[cls] = true;
    if (shown >= SCRAPE_CLASSES) continue;
    families_add(all, allocated, model_class_name(cls, name), (double)g->allocated);
    if (g->active != UNKNOWN) families_add(all, active, model_class_name(cls, name), (double)g->active);
  }
  return shown > SCRAPE_CLASSES ? shown - SCRAPE_CLASSES : 0;
}

/* Raises `largest` to what `now` has, and takes `now` over. */
static void raise_histogram(struct histogram **largest, struct histogram *now) {
  struct histogram *const h = *largest;
  if (h == NULL) {
    *largest = now;
    return;
  }
  h->count = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (now->bucket[i] > h->bucket[i]) h->bucket[i] = now->bucket[i];
    h->count += h->bucket[i];
  }
  if (now->sum > h->sum) h->sum = now->sum;
  free(now);
}

static void add_calls(struct families *all, const struct model_calls *calls, struct known *k) {
  struct family *const f = families_next(all, FAMILY_HISTOGRAM, "call_seconds", "seconds", "call", "How long whole calls took, estimated from samples");
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    struct histogram *const now = calls_merged(calls, kind);
    if (now != NULL) raise_histogram(&k->calls[kind], now);
    if (k->calls[kind] != NULL && k->calls[kind]->count > 0) families_add_histogram(all, f, model_call_kind(kind), k->calls[kind]);
  }
}

static size_t add_process(struct families *all, const struct report *r, const struct model_process *p, struct known *k) {
  struct family *const f = families_next(all, FAMILY_GAUGE, "process_info", "", "version", "The processes that are shown");
  families_add(all, f, p->version, 1);
  add_counters(all, r->total);
  add_memory(all, p);
  const size_t left_out = add_classes(all, r->total);
  add_calls(all, &r->calls, k);
  return left_out;
}

/* ---- All of them ---- */

/*
 * Adds the process of one entry; false if it cannot be read. One that was read from its memory and no longer can be is ending: its file is older than what was
 * shown, so it is not shown again.
 */
static bool add_entry(struct scrape *s, const struct entry *e, struct families *into, size_t *classes_left_out) {
  struct report *const r = model_create(SOURCE_STATS, e->path);
  bool good = read_stats_file(r, e->path, 0) && r->process_count == 1;
  if (good) {
    read_stats_end(r);
    model_finish(r);
    const struct model_process *const p = r->processes[0];
    struct known *const k = known_of(s, processes_id(e));
    k->is_seen = true;
    good = p->is_present || !k->was_present;
    if (good) {
      char program[SCRAPE_NAME_MAX + 1], pid[16];
      snprintf(program, sizeof(program), "%s", e->program);
      snprintf(pid, sizeof(pid), "%" PRIu32, e->pid);
      families_rewind(into, program, pid);
      *classes_left_out += add_process(into, r, p, k);
      k->was_present |= p->is_present;
    }
  }
  model_destroy(r);
  return good;
}

void scrape_take(struct scrape *s, struct families *into) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  processes_refresh(&s->all, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
  for (size_t i = 0; i < s->count; i++) s->known[i].is_seen = false;
  size_t shown = 0, unreadable = 0, classes = 0;
  for (size_t i = 0; i < s->all.count && shown < s->max; i++) {
    if (add_entry(s, &s->all.entries[i], into, &classes)) shown++;
    else unreadable++;
  }
  forget_ended(s);
  into->at = into->count; /* families of the host come last */
  into->program = into->pid = NULL;
  families_add(into, families_next(into, FAMILY_GAUGE, "processes", "", NULL, "Processes under hakmem that were found"), NULL, (double)s->all.count);
  struct family *const left_out = families_next(into, FAMILY_GAUGE, "left_out", "", "what", "What was found and is not shown");
  families_add(into, left_out, "processes", (double)(s->all.count - shown - unreadable));
  families_add(into, left_out, "unreadable", (double)unreadable);
  families_add(into, left_out, "classes", (double)classes);
}

void scrape_fini(struct scrape *s) {
  for (size_t i = 0; i < s->count; i++) forget(&s->known[i]);
  free(s->known);
  processes_free(&s->all);
}
