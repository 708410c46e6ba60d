#include "histogram.h"

uint64_t histogram_lower(unsigned index) {
  if (index < HISTOGRAM_LINEAR) return index;
  const unsigned doubling = (index - HISTOGRAM_LINEAR) / HISTOGRAM_STEPS;
  const uint64_t step = (index - HISTOGRAM_LINEAR) % HISTOGRAM_STEPS;
  return (HISTOGRAM_STEPS + step) << (doubling + 1);
}

uint64_t histogram_upper(unsigned index) { return index + 1 < HISTOGRAM_BUCKETS ? histogram_lower(index + 1) - 1 : UINT64_MAX; }

void histogram_record(struct histogram *h, uint64_t value) {
  __atomic_fetch_add(&h->count, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&h->sum, value, __ATOMIC_RELAXED);
  __atomic_fetch_add(&h->bucket[histogram_index(value)], 1, __ATOMIC_RELAXED);
  histogram_raise(&h->min_inverted, ~value);
  histogram_raise(&h->max, value);
}

uint32_t histogram_overflows; /* atomic */

const uint32_t *histogram_rounds_at(void) { return &histogram_overflows; }
uint32_t histogram_rounds(void) { return __atomic_load_n(&histogram_overflows, __ATOMIC_ACQUIRE); }

void histogram_complete(struct histogram *h) {
  h->count = h->min_inverted = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (h->count == 0 && h->bucket[i] != 0) h->min_inverted = ~histogram_lower(i);
    h->count += h->bucket[i];
  }
}

void histogram_merge_row(struct histogram *into, struct histogram_row row) {
  into->count += row.head->count;
  into->sum += row.head->sum;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const size_t at = histogram_place(i, row.between);
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
  const double wanted = quantile * (double)h->count + 0.5;
  uint64_t rank = wanted < (double)h->count ? (uint64_t)wanted : h->count;
  if (rank == 0) rank = 1;
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

double histogram_variance(const struct histogram *h) {
  const double mean = histogram_mean(h);
  double squares = 0;
  if (h->count < 2) return mean * mean;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (h->bucket[i] == 0) continue;
    const uint64_t upper = histogram_upper(i);
    const double off = ((double)histogram_lower(i) + (double)(upper < h->max ? upper : h->max)) / 2 - mean;
    squares += (double)h->bucket[i] * off * off;
  }
  return squares / (double)(h->count - 1);
}

bool histogram_is_valid(const struct histogram *h) {
  uint64_t total = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) total += h->bucket[i];
  return total == h->count && (h->count == 0 || histogram_min(h) <= h->max);
}
