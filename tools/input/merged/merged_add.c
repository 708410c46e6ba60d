/*
 * merged_add.c: adds processes and merges to a merge. Nothing here depends on an order.
 */
#include <string.h>

#include "common/error.h"
#include "merged.h"

/* ---- The kinds of parts. ---- */

#define ARE_WORDS(type) static_assert(sizeof(type) % sizeof(uint64_t) == 0, #type " consists of words")
ARE_WORDS(struct merged_sums);
ARE_WORDS(struct merged_highest);
ARE_WORDS(struct merged);

static uint64_t sum(struct merged *m, uint64_t a, uint64_t b) {
  uint64_t result;
  if (!__builtin_add_overflow(a, b, &result)) return result;
  m->highest.overflowed = 1;
  return UINT64_MAX;
}

static void add_words(struct merged *m, void *into, const void *from, size_t size) {
  uint64_t *const a = into;
  const uint64_t *const b = from;
  for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
    if (b[i] != 0) a[i] = sum(m, a[i], b[i]);
  }
}

static void raise_words(void *into, const void *from, size_t size) {
  uint64_t *const a = into;
  const uint64_t *const b = from;
  for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
    if (b[i] > a[i]) a[i] = b[i];
  }
}

static void add_histogram(struct merged *m, struct histogram *into, const struct histogram *from) {
  if (from == NULL || from->count == 0) return;
  uint64_t count = 0; /* by the buckets: an estimate's may be rounded another way */
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) count = sum(m, count, from->bucket[i]);
  into->count = sum(m, into->count, count);
  into->sum = sum(m, into->sum, from->sum);
  raise_words(&into->min_inverted, &from->min_inverted, sizeof(from->min_inverted));
  raise_words(&into->max, &from->max, sizeof(from->max));
  add_words(m, into->bucket, from->bucket, sizeof(from->bucket));
}

static void add_wide(struct merged *m, merged_wide *into, merged_wide from) {
  if (!__builtin_add_overflow(*into, from, into)) return;
  m->highest.overflowed = 1;
  *into = ~(merged_wide)0;
}

/* With zeros behind the text: equal merges have equal bytes. */
static void set_text(char into[STATS_TEXT], const char *text) {
  memset(into, 0, STATS_TEXT);
  memcpy(into, text, strnlen(text, STATS_TEXT - 1));
}

static void add_text(struct merged_text *into, const char *first, const char *last, bool is_first) {
  if (is_first || strcmp(first, into->first) < 0) set_text(into->first, first);
  if (is_first || strcmp(last, into->last) > 0) set_text(into->last, last);
}

/* Returns how many of `from` were in `into` already. */
static size_t add_ids(struct merged_ids *into, const struct merged_ids *from) {
  static struct merged_ids both;
  size_t same = 0, a = 0, b = 0;
  both = (struct merged_ids){.more = into->more | from->more};
  while (a < into->count || b < from->count) {
    const bool from_a = b == from->count || (a < into->count && into->id[a] <= from->id[b]);
    const uint64_t id = from_a ? into->id[a] : from->id[b];
    const bool in_both = from_a && b < from->count && from->id[b] == id;
    a += from_a;
    b += !from_a || in_both;
    same += in_both;
    if (both.count < MERGED_IDS) both.id[both.count++] = id;
    else both.more = 1;
  }
  *into = both;
  return same;
}

/* ---- Another merge. ---- */

bool merged_add(struct merged *m, const struct merged *from) {
  const bool is_first = m->sums.processes == 0;
  if (from->sums.processes == 0) return true;
  if (add_ids(&m->members, &from->members) > 0) return false;
  add_ids(&m->hosts, &from->hosts);
  add_words(m, &m->sums, &from->sums, sizeof(m->sums));
  raise_words(&m->highest, &from->highest, sizeof(m->highest));
  add_text(&m->program, from->program.first, from->program.last, is_first);
  add_text(&m->version, from->version.first, from->version.last, is_first);
  struct histogram *const into = &m->latency.lookup[0][0];
  const struct histogram *const others = &from->latency.lookup[0][0];
  for (size_t i = 0; i < MERGED_HISTOGRAMS; i++) add_histogram(m, &into[i], &others[i]);
  merged_wide *const errors = &m->errors.variance[0][0];
  const merged_wide *const more = &from->errors.variance[0][0];
  for (size_t i = 0; i < MERGED_ERRORS; i++) {
    if (more[i] != 0) add_wide(m, &errors[i], more[i]);
  }
  return true;
}

/* ---- A process. ---- */

/* FNV-1a, then mixed, so that the smallest numbers of a set are a fair sample of it. */
static uint64_t hash(uint64_t seed, const void *data, size_t size) {
  uint64_t h = seed ^ 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++) h = (h ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
  h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
  return h ^ (h >> 32);
}

static bool add_identity(struct merged *m, const struct model_process *p) {
  static struct merged_ids one = {.count = 1};
  const uint64_t process[] = {p->pid, p->pid_namespace, p->start_realtime_ns};
  const uint64_t host = hash(0, p->host_name, strlen(p->host_name));
  one.id[0] = hash(host, process, sizeof(process));
  if (add_ids(&m->members, &one) > 0) return false;
  one.id[0] = host;
  add_ids(&m->hosts, &one);
  const bool is_first = m->sums.processes == 0;
  add_text(&m->program, p->program, p->program, is_first);
  add_text(&m->version, p->version, p->version, is_first);
  return true;
}

static uint64_t known(uint64_t value) { return value == UNKNOWN ? 0 : value; }

/* One that became another program has no end of its own: the memory is the other's. */
static void take_memory(struct merged_sums *sums, const struct model_process *p) {
  if (p->has_called_exec || !p->has_buckets) return;
  sums->with_memory = 1;
  sums->buckets = p->buckets;
#define TAKE_MEMORY(name) sums->name = p->name;
  MERGED_MEMORY(TAKE_MEMORY)
  sums->rss_peaks = known(p->rss_max);
  sums->threads = p->threads.count;
}

static void take_sums(struct merged_sums *sums, const struct report *r, const struct model_process *p) {
  sums->processes = 1;
  sums->state[p->state] = 1;
  sums->elapsed_ns = p->elapsed_ns;
  sums->cpu_ns = p->cpu_ns;
  sums->calls_missed = p->calls_missed;
  sums->lost = r->lost;
  sums->counts = *p->counts;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sums->counts.cls[cls].pins.longest_ms = 0;
  take_memory(sums, p);
  for (size_t i = 0; i < p->incident_count; i++) {
    const struct stats_incident *const incident = &p->incidents[i];
    if (incident->kind == INCIDENT_HDR_RESET && incident->hdr_reset.verdict < hdr_verdict_count) sums->resets[incident->hdr_reset.verdict] += incident->count;
  }
  sums->leaks_checked = p->leaks_checked;
  for (size_t i = 0; i < p->leak_count; i++) {
    sums->leaks[p->leaks[i].kind].bytes += p->leaks[i].bytes;
    sums->leaks[p->leaks[i].kind].blocks += p->leaks[i].blocks;
  }
  sums->with_calls = r->calls.known;
  sums->calls_elapsed_ns = r->calls.elapsed_ns;
  sums->calls_cpu_ns = r->calls.cpu_ns;
#define TAKE_CALLS(name) memcpy(sums->name, r->calls.name, sizeof(sums->name));
  MERGED_CALLS(TAKE_CALLS)
}

static void take_highest(struct merged_highest *highest, const struct model_process *p) {
  highest->rss_max = known(p->rss_max);
  highest->superslabs_active_max = p->superslabs_active_max;
  highest->legacy_refused_max = p->legacy_refused_max;
  highest->longest_ns = p->elapsed_ns;
  highest->start_inverted = ~p->start_realtime_ns;
  highest->end_ns = p->start_realtime_ns + p->elapsed_ns;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) highest->longest_ms[cls] = p->counts->cls[cls].pins.longest_ms;
#define TAKE_SETTING(name) highest->most.name = p->name, highest->least_inverted.name = ~(uint64_t)p->name;
  MERGED_SETTINGS(TAKE_SETTING)
}

static void add_latency(struct merged *m, const struct model_latency *l) {
  struct merged_latency *const into = &m->latency;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned s = 0; s < lookup_strategy_count; s++) add_histogram(m, &into->lookup[s][cls], l->lookup[s][cls]);
    add_histogram(m, &into->drain[cls], l->drain[cls]);
    add_histogram(m, &into->refill[cls], l->refill[cls]);
  }
  for (unsigned stage = 0; stage < STAGE_COUNT; stage++) add_histogram(m, &into->stage[stage], l->stage[stage]);
  add_histogram(m, &into->legacy, l->legacy);
  add_histogram(m, &into->map, l->map);
}

/* A square of a standard error in units of 1/65536. */
static merged_wide wide(double square) { return square < 0x1p100 ? (merged_wide)(square * 65536 + 0.5) : (merged_wide)1 << 116; }

static void add_calls(struct merged *m, const struct model_calls *calls) {
  struct merged_errors *const into = &m->errors;
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      add_histogram(m, &m->latency.times[kind][cls], calls->times[kind][cls]);
      add_wide(m, &into->variance[kind][cls], wide(calls->variance[kind][cls]));
      add_wide(m, &into->time_variance[kind][cls], wide(calls->time_variance[kind][cls]));
      for (unsigned i = 0; calls->below[kind][cls] != NULL && i < HISTOGRAM_BUCKETS; i++) {
        add_wide(m, &into->below[kind][cls][i], wide(calls->below[kind][cls][i]));
      }
    }
  }
}

bool merged_add_report(struct merged *m, const struct report *r) {
  static struct merged_sums sums; /* too large for a stack */
  struct merged_highest highest = {0};
  const struct model_process *const p = r->processes[0];
  if (!add_identity(m, p)) return false;
  memset(&sums, 0, sizeof(sums));
  take_sums(&sums, r, p);
  take_highest(&highest, p);
  add_words(m, &m->sums, &sums, sizeof(sums));
  raise_words(&m->highest, &highest, sizeof(highest));
  add_latency(m, &r->latency);
  add_calls(m, &r->calls);
  return true;
}
