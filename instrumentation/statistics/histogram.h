/*
 * histogram.h: a log-linear histogram of unsigned values, of fixed size, mergeable by addition.
 *
 * Each value below HISTOGRAM_LINEAR has its own bucket. Above, every doubling is split into HISTOGRAM_STEPS even steps, so a bucket's width is at
 * most 1/HISTOGRAM_STEPS of its lower bound (6.25 %). The last bucket also counts the values beyond it; `max` keeps them exactly. The idea is Gil
 * Tene's HdrHistogram (http://hdrhistogram.org).
 *
 *   count = sum of all buckets;  min <= any recorded value <= max;  count == 0 => min == UINT64_MAX, max == 0
 *   (a block of zeros is an empty histogram, too: min is meaningful only if count > 0)
 */
#ifndef HAKMEM_HISTOGRAM_H
#define HAKMEM_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEP_BITS 4
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_LINEAR (2 * HISTOGRAM_STEPS)
#define HISTOGRAM_VALUE_BITS 32 /* in ns: up to 4 seconds. Each more costs every process 160 KiB of address space */
#define HISTOGRAM_BUCKETS (HISTOGRAM_LINEAR + (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS - 1) * HISTOGRAM_STEPS)

struct histogram {
  uint64_t count, sum;
  uint64_t min_inverted; /* ~min, so that zeroed memory is a valid empty histogram */
  uint64_t max;
  uint64_t bucket[HISTOGRAM_BUCKETS];
};

/*
 * Tables of many histograms lie by octaves, with HISTOGRAM_STEPS buckets of every row side by side. The low 16 bits of each bucket lie apart from
 * the high ones, which most processes never touch. So rows with similar values touch few pages. Bucket i of a row is low[at] + 2^16 high[at], at =
 * i / HISTOGRAM_STEPS * between + i % HISTOGRAM_STEPS.
 */
#define HISTOGRAM_OCTAVES (HISTOGRAM_BUCKETS / HISTOGRAM_STEPS)

struct histogram_head {
  uint64_t count, sum, min_inverted, max;
}; /* as above */
struct histogram_row {
  struct histogram_head *head;
  uint16_t *low;
  uint32_t *high;
  size_t between;
};

/* The bucket of `value`, 0 <= index < HISTOGRAM_BUCKETS. */
static inline unsigned histogram_index(uint64_t value) {
  if (value < HISTOGRAM_LINEAR) return (unsigned)value;
  const unsigned top = 63u ^ (unsigned)__builtin_clzll(value); /* one instruction; 63 minus it would be three */
  if (top >= HISTOGRAM_VALUE_BITS) return HISTOGRAM_BUCKETS - 1;
  const unsigned step = (unsigned)(value >> (top - HISTOGRAM_STEP_BITS)) & (HISTOGRAM_STEPS - 1);
  return HISTOGRAM_LINEAR + (top - HISTOGRAM_STEP_BITS - 1) * HISTOGRAM_STEPS + step;
}

/* The smallest and the largest value in bucket `index`. */
uint64_t histogram_lower(unsigned index);
uint64_t histogram_upper(unsigned index);

/* Counts `value` once. Thread and signal safe (relaxed atomic additions), wait-free but for min and max. */
void histogram_record(struct histogram *h, uint64_t value);

/* The same for a row of a table. histogram_rounds: how often low bits overflowed, in all tables. */
static inline void histogram_record_row(struct histogram_row row, uint64_t value);
/* Counts it several times, without count and min, which histogram_complete finds from the buckets: for the calls of malloc, which are many. */
static inline void histogram_add_row(struct histogram_row row, uint64_t value, uint16_t times);
void histogram_complete(struct histogram *h);
uint32_t histogram_rounds(void);
const uint32_t *histogram_rounds_at(void); /* where that number lies, for a reader in another process */

/*
 * Adds `from`, or a row of a table, to `into`; exact. Not safe against concurrent writers of `into`. With a concurrent writer of `from`, a bucket of a
 * row may be 2^16 off, because its low and high bits are two words: the low ones may have overflowed, and the high ones not have counted it yet.
 */
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_merge_row(struct histogram *into, struct histogram_row row);

/*
 * The value at or below which the share `quantile` (0.0 to 1.0) of the recorded values lies. It is the upper end of the bucket of that rank, clamped to
 * min and max. 0 for an empty histogram.
 */
uint64_t histogram_quantile(const struct histogram *h, double quantile);

static inline uint64_t histogram_min(const struct histogram *h) { return h->count ? ~h->min_inverted : 0; }
static inline double histogram_mean(const struct histogram *h) { return h->count ? (double)h->sum / (double)h->count : 0.0; }

/* The square of the standard deviation, as the buckets tell it; of a single value, the square of itself. */
double histogram_variance(const struct histogram *h);

/* count equals the buckets' sum and min <= max. False under concurrent writers, too. */
bool histogram_is_valid(const struct histogram *h);

/* ---- Inline, because it is called for many calls of malloc. ---- */

/* Raises *place to `value`, even if other threads write to it. */
static inline void histogram_raise(uint64_t *place, uint64_t value) {
  uint64_t seen = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (seen < value && !__atomic_compare_exchange_n(place, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

/* The place of bucket `i` of a table's row. */
static inline size_t histogram_place(unsigned i, size_t between) { return i / HISTOGRAM_STEPS * between + i % HISTOGRAM_STEPS; }

extern uint32_t histogram_overflows; /* see histogram_rounds */

static inline void histogram_add_row(struct histogram_row row, uint64_t value, uint16_t times) {
  const size_t at = histogram_place(histogram_index(value), row.between);
  __atomic_fetch_add(&row.head->sum, value * times, __ATOMIC_RELAXED);
  if (__atomic_fetch_add(&row.low[at], times, __ATOMIC_RELAXED) > (uint16_t)(UINT16_MAX - times)) {
    __atomic_fetch_add(&row.high[at], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram_overflows, 1, __ATOMIC_RELEASE);
  }
  histogram_raise(&row.head->max, value);
}

static inline void histogram_record_row(struct histogram_row row, uint64_t value) {
  __atomic_fetch_add(&row.head->count, 1, __ATOMIC_RELAXED);
  histogram_raise(&row.head->min_inverted, ~value);
  histogram_add_row(row, value, 1);
}

#endif
