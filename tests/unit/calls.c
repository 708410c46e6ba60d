/*
 * calls.c: the distribution of whole calls: what is scaled and what is exact adds up to the exact count, for any samples.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "model/calls.h"
#include "seed.h"
#include "statistics/histogram.h"

static uint64_t state;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
static void begin(void) { state = (uint64_t)test_seed(0) * UINT64_C(0x9e3779b97f4a7c15) | 1; }

/* Up to `most` values, of all sizes. */
static void fill(struct histogram *h, uint64_t most) {
  for (uint64_t n = next() % (most + 1); n > 0; n--) histogram_record(h, next() >> (30 + next() % 34));
}

Test(calls, scaling_keeps_the_count, .init = begin) {
  for (unsigned round = 0; round < 2000; round++) {
    struct histogram sample = {0}, scaled = {0};
    fill(&sample, 40);
    const uint64_t count = sample.count == 0 ? 0 : next() % (round % 2 ? 100 : 100000000);
    calls_add_scaled(&scaled, &sample, count);
    cr_assert_eq(scaled.count, count);
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
      sum += scaled.bucket[i];
      cr_assert(scaled.bucket[i] == 0 || sample.bucket[i] != 0, "bucket %u has calls, and no sample", i);
    }
    cr_assert_eq(sum, count);
    cr_assert_leq(scaled.max, sample.max);
  }
}

static uint64_t in_class(const struct model_calls *calls, unsigned kind, uint32_t cls) {
  return (calls->times[kind][cls] != NULL ? calls->times[kind][cls]->count : 0) + calls->untimed[kind][cls];
}

/* Of one process with random calls: allocations, and frees without those by realloc, add up to the counters, in each class. No realloc stays in place: such a call is in no counter. */
Test(calls, kinds_add_up, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  for (unsigned round = 0; round < 20; round++) {
    process = (struct calls_of_process){0};
    struct model_calls calls = {0};
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      struct stats_class_counters *const c = &counters[cls];
      *c = (struct stats_class_counters){.allocs = next() % 1000000, .frees = next() % 1000000, .sampled_out = next() % 3};
      for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
        if (next() % 2 == 0) fill(&process.slow[kind][cls], 30);
        if (next() % 2 == 0) fill(&process.fast[kind][cls], 10);
      }
      c->timed_in = c->timed_out = process.slow[CALL_realloc][cls].count;
      c->allocs += process.slow[CALL_malloc][cls].count + process.slow[CALL_calloc][cls].count + process.slow[CALL_aligned][cls].count + c->timed_in;
      c->frees += process.slow[CALL_free][cls].count + c->timed_out;
    }
    calls_add(&calls, &process, counters);
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      const uint64_t made = in_class(&calls, CALL_malloc, cls) + in_class(&calls, CALL_calloc, cls) + in_class(&calls, CALL_aligned, cls) +
                            in_class(&calls, CALL_realloc, cls);
      cr_assert_eq(made, counters[cls].allocs, "class %u: %llu calls, %llu blocks", cls, (unsigned long long)made, (unsigned long long)counters[cls].allocs);
      const uint64_t samples = process.fast[CALL_free][cls].count, by_realloc = counters[cls].sampled_out;
      if (by_realloc == 0 && samples != 0) cr_assert_eq(in_class(&calls, CALL_free, cls), counters[cls].frees - counters[cls].timed_out);
      for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) cr_assert(calls.variance[kind][cls] >= 0);
    }
    calls_free(&calls);
  }
}

/* The exactly timed calls lie in the distribution as they are, whatever the samples say. */
Test(calls, the_tail_is_exact, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  struct model_calls calls = {0};
  for (unsigned i = 0; i < 100; i++) histogram_record(&process.slow[CALL_malloc][5], 4000000); /* ns */
  for (unsigned i = 0; i < 50; i++) histogram_record(&process.fast[CALL_malloc][5], 10);
  counters[5].allocs = 1000000;
  calls_add(&calls, &process, counters);
  struct histogram *const all = calls_merged(&calls, CALL_malloc);
  cr_assert_eq(all->count, 1000000);
  cr_assert_eq(all->max, 4000000);
  cr_assert_eq(histogram_quantile(all, 0.9998), 10);
  cr_assert_geq(histogram_quantile(all, 0.99995), 4000000 / 17 * 16); /* within a bucket */
  double error;
  cr_assert_eq(calls_count(&calls, CALL_malloc, &error), 1000000);
  cr_assert_lt(error, 1000000 / 25);
  free(all);
  calls_free(&calls);
}

/* A class without a sample takes the shape of its kind; a process without any has a count, and no times but the exact ones. */
Test(calls, without_samples, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  struct model_calls calls = {0}, none = {0};
  counters[2].allocs = 1000, counters[3].frees = 70;
  calls_add(&none, &process, counters);
  cr_assert_eq(none.untimed[CALL_malloc][2], 1000);
  cr_assert_eq(none.untimed[CALL_free][3], 70);
  cr_assert_null(none.times[CALL_malloc][2]);
  histogram_record(&process.fast[CALL_calloc][7], 33);
  counters[7].allocs = 1;
  calls_add(&calls, &process, counters);
  cr_assert_eq(calls.times[CALL_calloc][2]->count, 1000, "as in all classes: each sample was a calloc");
  calls_free(&none);
  calls_free(&calls);
}

/* A sample in which the processor was given to others stands for itself: the others say how long calls take. */
Test(calls, a_lengthy_sample_counts_once, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  struct model_calls calls = {0};
  for (unsigned i = 0; i < 99; i++) histogram_record(&process.fast[CALL_malloc][5], 10);
  histogram_record(&process.fast[CALL_malloc][5], 4000000); /* ns */
  counters[5].allocs = 1000000;
  calls_add(&calls, &process, counters);
  const struct histogram *const times = calls.times[CALL_malloc][5];
  cr_assert_eq(times->count, 1000000);
  cr_assert_eq(times->max, 4000000);
  cr_assert_eq(histogram_quantile(times, 0.99999), 10);
  cr_assert_lt(histogram_mean(times), 15);
  calls_free(&calls);
}

/* A few callocs among many mallocs, in a class without a slow or a sampled one: the standard error says that their number is not certain. */
Test(calls, a_rare_kind_is_uncertain_everywhere, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  struct model_calls calls = {0};
  double error, none;
  histogram_record(&process.slow[CALL_calloc][9], 5000);
  for (unsigned i = 0; i < 500; i++) histogram_record(&process.fast[CALL_malloc][5], 10);
  counters[5].allocs = 1000000;
  counters[9].allocs = 1;
  calls_add(&calls, &process, counters);
  cr_assert_eq(calls_count(&calls, CALL_calloc, &error), 1);
  cr_assert_geq(error, 1000000 / 502.0, "one call in 502 would often have no sample");
  cr_assert_eq(calls_count(&calls, CALL_aligned, &none), 0);
  cr_assert_eq(none, 0, "the process has no such call");
  calls_free(&calls);
}

/* Classes without samples have one estimate: if it is wrong, it is wrong for all of them. And consecutive calls that are sampled tell as one. */
Test(calls, classes_without_samples_are_wrong_together, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  struct model_calls calls = {0};
  double error;
  for (unsigned i = 0; i < 10; i++) histogram_record(&process.fast[i % 2 ? CALL_malloc : CALL_calloc][40], 10);
  counters[40].allocs = 10;
  for (uint32_t cls = 0; cls < 25; cls++) counters[cls].allocs = 1000;
  calls_add(&calls, &process, counters);
  cr_assert_float_eq(calls_count(&calls, CALL_calloc, &error), 12505, 25, "a half");
  cr_assert_geq(error, 25000 * 0.5 / sqrt(5), "of five draws from two kinds");
  cr_assert_lt(error, 25000 * 0.5 / sqrt(4));
  const struct timed timed = {TIMED_CALLS, &calls, CALL_calloc};
  struct histogram *const h = calls_merged(&calls, CALL_calloc);
  cr_assert_eq(timed_quantile(timed, CLASS_ROWS, h, 0.9).upper, UINT64_MAX, "five samples do not tell the longest of 12500");
  free(h);
  calls_free(&calls);
}

/* Of random samples of a known distribution, most ranges of a quantile hold its true value; few samples, or weighted ones, tell less. */
Test(calls, quantiles_have_standard_errors, .init = begin) {
  static struct calls_of_process process;
  static struct stats_class_counters counters[CLASS_ROWS];
  const uint64_t truth = 1u << 20; /* the median of even numbers below its double */
  unsigned held = 0;
  for (unsigned round = 0; round < 400; round++) {
    struct histogram *const sample = &process.fast[CALL_malloc][5];
    struct model_calls calls = {0}, weighted = {0};
    *sample = (struct histogram){0};
    for (unsigned i = 0; i < 100; i++) histogram_record(sample, (next() >> 11) % (2 * truth) / 32);
    counters[5].allocs = 1000000;
    process.squares[CALL_malloc][5] = 0;
    calls_add(&calls, &process, counters);
    process.squares[CALL_malloc][5] = 800; /* as if there were 12 samples */
    calls_add(&weighted, &process, counters);
    const struct histogram *const h = calls.times[CALL_malloc][5];
    const struct timed timed = {TIMED_CALLS, &calls, CALL_malloc}, less = {TIMED_CALLS, &weighted, CALL_malloc};
    const struct quantile_range range = timed_quantile(timed, 5, h, 0.5), wide = timed_quantile(less, 5, h, 0.5);
    cr_assert(wide.lower <= range.lower && wide.upper >= range.upper && wide.upper - wide.lower > range.upper - range.lower);
    held += range.lower <= truth / 32 && range.upper >= truth / 32;
    cr_assert_eq(timed_quantile(timed, 5, h, 0.999).upper, UINT64_MAX, "100 samples do not tell the longest of 1000 calls");
    double error, more;
    calls_time(&calls, CALL_malloc, &error), calls_time(&weighted, CALL_malloc, &more);
    cr_assert_float_eq(timed_mean_error(timed, 5, h), error / (double)h->count, 1e-9);
    cr_assert_eq(timed_quantile((struct timed){TIMED_CALLS, &calls, CALLS_ALLOCATE}, CLASS_ROWS, h, 0.5).lower, range.lower);
    cr_assert(more > 2 * error && error > 0);
    calls_free(&calls), calls_free(&weighted);
  }
  cr_assert(held > 400 * 0.58, "one standard error to each side holds it in two of three; here in %u of 400", held);
}
