#include "histogram.h"

unsigned histogram_index(uint64_t value) {
  if (value < HISTOGRAM_LINEAR) return (unsigned)value;
  const unsigned top = 63u - (unsigned)__builtin_clzll(value);
  if (top >= HISTOGRAM_VALUE_BITS) return HISTOGRAM_BUCKETS - 1;
  const unsigned step = (unsigned)(value >> (top - HISTOGRAM_STEP_BITS)) & (HISTOGRAM_STEPS - 1);
  return HISTOGRAM_LINEAR + (top - HISTOGRAM_STEP_BITS - 1) * HISTOGRAM_STEPS + step;
}

uint64_t histogram_lower(unsigned index) {
  if (index < HISTOGRAM_LINEAR) return index;
  const unsigned doubling = (index - HISTOGRAM_LINEAR) / HISTOGRAM_STEPS;
  const uint64_t step = (index - HISTOGRAM_LINEAR) % HISTOGRAM_STEPS;
  return (HISTOGRAM_STEPS + step) << (doubling + 1);
}

uint64_t histogram_upper(unsigned index) { return index + 1 < HISTOGRAM_BUCKETS ? histogram_lower(index + 1) - 1 : UINT64_MAX; }

/* Raises *place to `value`, even if other threads write to it. */
static void raise_to(uint64_t *place, uint64_t value) {
  uint64_t seen = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (seen < value && !__atomic_compare_exchange_n(place, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

void histogram_record(struct histogram *h, uint64_t value) {
  __atomic_fetch_add(&h->count, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&h->sum, value, __ATOMIC_RELAXED);
  __atomic_fetch_add(&h->bucket[histogram_index(value)], 1, __ATOMIC_RELAXED);
  raise_to(&h->min_inverted, ~value);
  raise_to(&h->max, value);
}

/* The place of bucket `i` of a table's row. */
static size_t place(unsigned i, size_t between) { return i / HISTOGRAM_STEPS * between + i % HISTOGRAM_STEPS; }

static uint32_t rounds; /* atomic */

const uint32_t *histogram_rounds_at(void) { return &rounds; }
uint32_t histogram_rounds(void) { return __atomic_load_n(&rounds, __ATOMIC_ACQUIRE); }

void histogram_record_row(struct histogram_row row, uint64_t value) {
  const size_t at = place(histogram_index(value), row.between);
  __atomic_fetch_add(&row.head->count, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&row.head->sum, value, __ATOMIC_RELAXED);
  if (__atomic_fetch_add(&row.low[at], 1, __ATOMIC_RELAXED) == UINT16_MAX) {
    __atomic_fetch_add(&row.high[at], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&rounds, 1, __ATOMIC_RELEASE);
  }
  raise_to(&row.head->min_inverted, ~value);
  raise_to(&row.head->max, value);
}

void histogram_merge_row(struct histogram *into, struct histogram_row row) {
  into->count += row.head->count;
  into->sum += row.head->sum;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const size_t at = place(i, row.between);
    into->bucket[i] += row.low[at] + ((uint64_t)row.high[at] << 16);
  }
  if (into->min_inverted < row.head->min_inverted) into->min_inverted = row.head->min_inverted;
  if (into->max < row.head->max) into->max = row.head->max;
}

void histogram_merge(struct histogram *into, const struct histogram *from) {
  into->count += from->count;
  into->sum += from->sum;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) into->bucket[i] += from->bucket[i];
  if (into->min_inverted < from->min_inverted) into->min_inverted = from->min_inverted;
  if (into->max < from->max) into->max = from->max;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile) {
  if (h->count == 0) return 0;
  uint64_t rank = (uint64_t)(quantile * (double)h->count + 0.5);
  if (rank == 0) rank = 1;
  if (rank > h->count) rank = h->count;
  uint64_t seen = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += h->bucket[i];
    if (seen < rank) continue;
    const uint64_t upper = histogram_upper(i);
    if (upper > h->max) return h->max;
    return upper < histogram_min(h) ? histogram_min(h) : upper;
  }
  return h->max;
}

bool histogram_is_valid(const struct histogram *h) {
  uint64_t total = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) total += h->bucket[i];
  return total == h->count && (h->count == 0 || histogram_min(h) <= h->max);
}
