#include "plausible.h"

#include <string.h>

#define COUNT_MAX ((uint64_t)1 << 56)   /* a thousand threads reach it after years */
#define SUM_MAX ((uint64_t)1 << 60)     /* of bytes over time, and of nanoseconds of all threads */
#define BYTES_MAX ((uint64_t)1 << 50)   /* at a time: above the address space of a process */
#define UNPUBLISHED ((uint64_t)1 << 28) /* frees of a killed process whose allocations it had not counted yet: a budget of each thread */
#define LATE ((uint64_t)1 << 16)        /* the same of an ended process, whose other threads ran on */
#define CARRY 65536.0                   /* the low bits of a bucket may have overflowed, and the high ones not have counted it */
#define SKEW_NS 1e12                    /* recorded between the writing of the one page and that of the other */

static bool ends_in(const char *name, const char *end) {
  const size_t length = strlen(name), more = strlen(end);
  return length > more && strcmp(name + length - more, end) == 0;
}

static uint64_t most_of(const char *name) {
  if (strstr(name, "squares") != NULL) return UINT64_MAX;
  return ends_in(name, "_bytes") || ends_in(name, "_ns") ? SUM_MAX : COUNT_MAX;
}

static bool has_true_flags(const struct stats_block *b) {
  return b->complete <= 1 && b->exited <= 1 && b->full_tracing <= 1 && b->leaks_checked <= 1 && b->is_copy <= 1;
}

static bool has_true_columns(const struct stats_heat *heat) {
  bool good = heat->period_ns <= SUM_MAX;
  for (uint32_t i = 0; i < heat->length && i < STATS_HEAT; i++) good = good && heat->column[i].time_ns <= SUM_MAX;
  return good;
}

static bool has_true_times(const struct stats_block *b) {
  bool good = b->elapsed_ns <= SUM_MAX && b->cpu_ns <= SUM_MAX && b->snapshot_ns <= SUM_MAX && b->untouched_ns <= b->snapshot_ns;
  for (uint32_t i = 0; i < b->timeline_length && i < STATS_TIMELINE; i++) good = good && b->timeline[i].time_ns <= SUM_MAX;
  return good && has_true_columns(&b->heat);
}

static bool has_true_counters(const struct stats_block *b) {
  bool good = b->programs_replaced <= COUNT_MAX;
#define CHECK_COUNTER(name, text) good = good && b->counters.name <= most_of(#name);
  STATS_COUNTERS(CHECK_COUNTER)
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
#define CHECK_CLASS_COUNTER(name, text) good = good && b->cls[cls].name <= most_of(#name);
    STATS_CLASS_COUNTERS(CHECK_CLASS_COUNTER)
    good = good && b->inherited_allocs[cls] <= COUNT_MAX && b->inherited_frees[cls] <= COUNT_MAX;
  }
  return good;
}

/* A block is freed once. */
static bool has_fewer_frees(const struct stats_block *b) {
  const uint64_t more = b->complete == 1 ? LATE : UNPUBLISHED;
  uint64_t allocs = 0, frees = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    allocs += b->cls[cls].allocs;
    frees += b->cls[cls].frees;
  }
  return frees <= allocs + more;
}

static bool has_true_gauges(const struct stats_block *b) {
  bool good = true;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_gauges *const g = &b->gauge[cls];
#define CHECK_GAUGE(name, text) good = good && g->name <= BYTES_MAX;
    STATS_CLASS_GAUGES(CHECK_GAUGE)
  }
#define CHECK_BUCKET(name, text) good = good && b->buckets.name <= BYTES_MAX;
  STATS_BUCKETS(CHECK_BUCKET)
  return good;
}

static bool has_true_sizes(const struct stats_block *b) {
  bool good = b->mapped <= BYTES_MAX && b->committed <= BYTES_MAX && b->untouched <= BYTES_MAX && b->rss <= BYTES_MAX && b->rss_files <= BYTES_MAX &&
              b->rss_max <= BYTES_MAX && b->superslabs_active <= BYTES_MAX && b->superslabs_active_max <= BYTES_MAX && b->legacy_refused_max <= BYTES_MAX;
  for (uint32_t i = 0; i < b->timeline_length && i < STATS_TIMELINE; i++) {
    const struct stats_moment *const m = &b->timeline[i];
    good = good && m->requested <= BYTES_MAX && m->allocated <= BYTES_MAX && m->active <= BYTES_MAX && m->committed <= BYTES_MAX && m->mapped <= BYTES_MAX &&
           m->rss <= BYTES_MAX;
  }
  return good;
}

const char *plausible_fault(const struct stats_block *b) {
  if (!has_true_flags(b)) return "a value that is 0 or 1 is neither";
  if (!has_true_times(b)) return "a time in it cannot be true";
  if (!has_true_counters(b)) return "a counter in it is larger than any process counts";
  if (!has_fewer_frees(b)) return "it counts more frees than allocations";
  if (!has_true_gauges(b) || !has_true_sizes(b)) return "it holds more memory than a process can have";
  return NULL;
}

/* Values of the last bucket have no upper end but the largest one. */
bool plausible_histogram(const struct histogram *h) {
  double least = 0, most = 0, top = 0;
  if (h->max > SUM_MAX) return false;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (h->bucket[i] == 0) continue;
    top = (double)(i == HISTOGRAM_BUCKETS - 1 ? h->max : histogram_upper(i));
    least += (double)h->bucket[i] * (double)histogram_lower(i);
    most += (double)h->bucket[i] * top;
  }
  const double slack = CARRY * top + SKEW_NS, sum = (double)h->sum;
  return sum <= 2 * most + slack && sum >= least / 2 - slack;
}

bool plausible_checksum(const struct stats_block *b) {
  if (b->checksum == 0 || b->publication % 2 != 0 || (b->complete != 1 && b->exited != 1)) return true;
  const size_t at = offsetof(struct stats_block, checksum), after = at + sizeof(b->checksum);
  uint64_t sum = stats_checksum(0, (const uint64_t *)b, at / sizeof(uint64_t), 0);
  sum = stats_checksum(sum, (const uint64_t *)((const char *)b + after), (sizeof(*b) - after) / sizeof(uint64_t), after);
  return sum == b->checksum;
}
