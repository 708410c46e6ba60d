/* The histogram: bounds of its buckets, its error, exactness of counts and of merging, concurrent recording. */
#include "statistics/histogram.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_LIMIT (UINT64_C(1) << HISTOGRAM_VALUE_BITS)

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* A value of any magnitude below the limit. */
static uint64_t random_value(void) { return next_random() % VALUE_LIMIT >> next_random() % HISTOGRAM_VALUE_BITS; }

static struct histogram *new_histogram(void) {
  struct histogram *h = calloc(1, sizeof *h);
  cr_assert_not_null(h);
  return h;
}

Test(histogram, buckets_follow_each_other_without_gap_or_overlap) {
  cr_assert_eq(histogram_lower(0), 0);
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    cr_assert_leq(histogram_lower(i), histogram_upper(i));
    cr_assert_eq(histogram_index(histogram_lower(i)), i, "lower end of bucket %u", i);
    if (i + 1 < HISTOGRAM_BUCKETS) {
      cr_assert_eq(histogram_upper(i) + 1, histogram_lower(i + 1), "behind bucket %u", i);
      cr_assert_eq(histogram_index(histogram_upper(i)), i, "upper end of bucket %u", i);
    }
  }
  cr_assert_eq(histogram_lower(HISTOGRAM_BUCKETS - 1) + (VALUE_LIMIT >> (HISTOGRAM_STEP_BITS + 1)), VALUE_LIMIT,
               "the last bucket ends where HISTOGRAM_VALUE_BITS says");
}

Test(histogram, small_values_are_exact) {
  for (uint64_t value = 0; value < HISTOGRAM_LINEAR; value++) {
    cr_assert_eq(histogram_lower(histogram_index(value)), value);
    cr_assert_eq(histogram_upper(histogram_index(value)), value);
  }
}

Test(histogram, relative_error_is_one_step) {
  for (int i = 0; i < 1000000; i++) {
    const uint64_t value = random_value();
    const unsigned index = histogram_index(value);
    const uint64_t lower = histogram_lower(index), upper = histogram_upper(index);
    cr_assert(lower <= value && value <= upper);
    if (index == HISTOGRAM_BUCKETS - 1) continue; /* it holds all that is too large, too */
    cr_assert_leq((upper - lower) * HISTOGRAM_STEPS, lower);
  }
}

Test(histogram, values_beyond_the_last_bucket_are_counted_and_max_is_exact) {
  struct histogram *h = new_histogram();
  histogram_record(h, UINT64_MAX);
  histogram_record(h, VALUE_LIMIT);
  cr_assert_eq(h->bucket[HISTOGRAM_BUCKETS - 1], 2);
  cr_assert_eq(h->max, UINT64_MAX);
  cr_assert_eq(histogram_min(h), VALUE_LIMIT);
  cr_assert_eq(histogram_quantile(h, 1.0), UINT64_MAX);
  cr_assert(histogram_is_valid(h));
  free(h);
}

Test(histogram, zeroed_memory_is_an_empty_histogram) {
  struct histogram *h = new_histogram();
  cr_assert(histogram_is_valid(h));
  cr_assert_eq(h->count, 0);
  cr_assert_eq(h->max, 0);
  cr_assert_eq(histogram_min(h), 0);
  cr_assert_eq(histogram_quantile(h, 0.5), 0);
  cr_assert_eq(histogram_mean(h), 0.0);
  free(h);
}

Test(histogram, count_sum_min_and_max_are_exact) {
  struct histogram *h = new_histogram();
  uint64_t sum = 0, lowest = UINT64_MAX, highest = 0;
  for (unsigned i = 1; i <= 10000; i++) {
    const uint64_t value = random_value();
    histogram_record(h, value);
    sum += value;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
    cr_assert_eq(h->count, i);
  }
  cr_assert_eq(h->sum, sum);
  cr_assert_eq(histogram_min(h), lowest);
  cr_assert_eq(h->max, highest);
  cr_assert_float_eq(histogram_mean(h), (double)sum / 10000.0, 1e-6 * (double)sum);
  cr_assert(histogram_is_valid(h));
  free(h);
}

static int ascending(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

Test(histogram, quantiles_lie_in_the_bucket_of_the_sorted_value) {
  enum { N = 4999 };
  static uint64_t values[N];
  static const double quantiles[] = {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
  for (int round = 0; round < 20; round++) {
    struct histogram *h = new_histogram();
    for (int i = 0; i < N; i++) histogram_record(h, values[i] = random_value());
    qsort(values, N, sizeof values[0], ascending);
    uint64_t before = 0;
    for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
      const uint64_t got = histogram_quantile(h, quantiles[q]);
      uint64_t rank = (uint64_t)(quantiles[q] * (double)N + 0.5);
      if (rank == 0) rank = 1;
      const uint64_t exact = values[rank - 1];
      cr_assert_eq(histogram_index(got), histogram_index(exact), "quantile %g", quantiles[q]);
      cr_assert_geq(got, exact);
      cr_assert_geq(got, before, "quantiles must not fall");
      cr_assert(got >= values[0] && got <= values[N - 1]);
      before = got;
    }
    cr_assert_eq(histogram_quantile(h, 1.0), values[N - 1]);
    free(h);
  }
}

Test(histogram, one_value_is_every_quantile) {
  struct histogram *h = new_histogram();
  histogram_record(h, 12345);
  for (int i = 0; i <= 10; i++) cr_assert_eq(histogram_quantile(h, i / 10.0), 12345);
  free(h);
}

Test(histogram, merging_equals_recording_in_one) {
  struct histogram *all = new_histogram(), *a = new_histogram(), *b = new_histogram();
  for (int i = 0; i < 20000; i++) {
    const uint64_t value = random_value();
    histogram_record(all, value);
    histogram_record(i % 3 == 0 ? a : b, value);
  }
  histogram_merge(a, b);
  cr_assert_arr_eq(a, all, sizeof *all);
  struct histogram *empty = new_histogram();
  histogram_merge(a, empty);
  cr_assert_arr_eq(a, all, sizeof *all, "an empty histogram changes nothing");
  histogram_merge(empty, all);
  cr_assert_arr_eq(empty, all, sizeof *all, "merging into an empty one copies");
  free(all), free(a), free(b), free(empty);
}

Test(histogram, rows_of_a_table_are_histograms) {
  enum { ROWS = 3 };
  struct histogram *whole[ROWS], *joined = new_histogram();
  struct histogram_head head[ROWS] = {{0}};
  uint16_t(*low)[ROWS][HISTOGRAM_STEPS] = calloc(HISTOGRAM_OCTAVES, sizeof *low);
  uint32_t(*high)[ROWS][HISTOGRAM_STEPS] = calloc(HISTOGRAM_OCTAVES, sizeof *high);
  cr_assert_eq(HISTOGRAM_OCTAVES * HISTOGRAM_STEPS, HISTOGRAM_BUCKETS);
  for (int row = 0; row < ROWS; row++) whole[row] = new_histogram();
  for (int i = 0; i < 20000; i++) {
    const uint64_t value = random_value();
    histogram_record(whole[i % ROWS], value);
    histogram_record_row((struct histogram_row){&head[i % ROWS], low[0][i % ROWS], high[0][i % ROWS], ROWS * HISTOGRAM_STEPS}, value);
  }
  for (int row = 0; row < ROWS; row++) {
    memset(joined, 0, sizeof *joined);
    histogram_merge_row(joined, (struct histogram_row){&head[row], low[0][row], high[0][row], ROWS * HISTOGRAM_STEPS});
    cr_assert_eq(memcmp(joined, whole[row], sizeof *joined), 0);
    free(whole[row]);
  }
  free(joined), free(low), free(high);
}

Test(histogram, a_bucket_of_a_row_goes_round_without_losing_a_count) {
  const uint64_t most = UINT16_MAX, value = 77;
  const unsigned bucket = histogram_index(value);
  struct histogram_head head = {.count = most, .sum = most * value, .min_inverted = ~value, .max = value};
  uint16_t low[HISTOGRAM_BUCKETS] = {0};
  uint32_t high[HISTOGRAM_BUCKETS] = {0};
  low[bucket] = UINT16_MAX;
  const struct histogram_row row = {&head, low, high, HISTOGRAM_STEPS};
  for (int i = 0; i < 3; i++) histogram_record_row(row, value);
  struct histogram *whole = new_histogram();
  histogram_merge_row(whole, row);
  cr_assert_eq(whole->bucket[bucket], most + 3);
  cr_assert(histogram_is_valid(whole));
  free(whole);
}

Test(histogram, a_lost_count_is_invalid) {
  struct histogram *h = new_histogram();
  histogram_record(h, 77);
  h->bucket[histogram_index(77)]++;
  cr_assert_not(histogram_is_valid(h));
  free(h);
}

enum { THREADS = 4, RECORDS = 200000 };

static void *record_many(void *histogram) {
  for (uint64_t i = 0; i < RECORDS; i++) histogram_record(histogram, i);
  return NULL;
}

/* Of one bucket, whose low part goes round a dozen times. */
static void *record_same(void *row) {
  for (uint64_t i = 0; i < RECORDS; i++) histogram_record_row(*(struct histogram_row *)row, 1000);
  return NULL;
}

Test(histogram, concurrent_records_in_a_row_all_count) {
  static struct histogram_head head;
  static uint16_t low[HISTOGRAM_BUCKETS];
  static uint32_t high[HISTOGRAM_BUCKETS];
  struct histogram_row row = {&head, low, high, HISTOGRAM_STEPS};
  struct histogram *h = new_histogram();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) cr_assert_eq(pthread_create(&threads[i], NULL, record_same, &row), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  histogram_merge_row(h, row);
  cr_assert_eq(h->count, (uint64_t)THREADS * RECORDS);
  cr_assert_eq(h->bucket[histogram_index(1000)], (uint64_t)THREADS * RECORDS);
  cr_assert(histogram_is_valid(h));
  free(h);
}

Test(histogram, concurrent_records_all_count) {
  struct histogram *h = new_histogram();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) cr_assert_eq(pthread_create(&threads[i], NULL, record_many, h), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(h->count, (uint64_t)THREADS * RECORDS);
  cr_assert_eq(h->sum, (uint64_t)THREADS * ((uint64_t)RECORDS * (RECORDS - 1) / 2));
  cr_assert_eq(histogram_min(h), 0);
  cr_assert_eq(h->max, RECORDS - 1);
  cr_assert(histogram_is_valid(h));
  free(h);
}
