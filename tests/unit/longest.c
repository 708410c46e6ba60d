/*
 * longest.c: the longest calls. The table keeps the longest of all; the stages of a call never exceed it; a forked child counts only its own calls.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "hakmem.h"
#include "platform/config.h"
#include "statistics/calls.h"
#include "statistics/stats.h"

static void keep(uint64_t ns) { calls_keep(&(struct stats_call){.ns = ns, .writing = 1}); }

Test(longest, the_table_keeps_the_longest) {
  struct stats_block *b = stats_block();
  memset(b->calls, 0, sizeof(b->calls));
  for (uint64_t i = 0; i < 1000; i++) keep(1 + i * 7919 % 1000); /* 1 to 1000, in no order */
  uint64_t sum = 0;
  for (unsigned i = 0; i < STATS_CALLS; i++) {
    cr_assert_gt(b->calls[i].ns, 1000 - STATS_CALLS);
    cr_assert_eq(b->calls[i].writing, 0);
    sum += b->calls[i].ns;
  }
  cr_assert_eq(sum, STATS_CALLS * 1000 - STATS_CALLS * (STATS_CALLS - 1) / 2, "each of the longest is there once");
  cr_assert_eq(b->calls_least_ns, 1001 - STATS_CALLS);
  cr_assert_eq(b->calls_missed, 0);
}

/* Waits for `ticks` ticks. */
static void spend(uint64_t ticks) {
  for (const uint64_t start = clock_ticks(); clock_ticks() - start < ticks;) {}
}

Test(longest, a_stage_does_not_count_what_ended_within_it) {
  clock_start();
  const struct call call = {CALL_malloc, 3, CLASS_NONE, 40};
  const uint64_t part = clock_ticks_per_second() / 1000;
  stats_block()->calls_least_ns = 0;
  const uint64_t start = clock_ticks();
  calls_begin();
  calls_begin();
  spend(4 * part);
  calls_stage(CALL_STAGE_system, part); /* within the refill */
  calls_stage(CALL_STAGE_refill, 3 * part);
  cr_assert_eq(calls_end(start, &call), 0, "only the outermost call is timed");
  const uint64_t ns = calls_end(start, &call);
  cr_assert_geq(ns, clock_to_ns(4 * part));
  struct stats_call kept;
  calls_describe(&kept, &call, ns);
  const uint64_t error = 1 + clock_to_ns(part) / 100; /* the rate of the clock may settle meanwhile */
  cr_assert_leq(kept.stage[CALL_STAGE_system], clock_to_ns(part) + error);
  cr_assert_geq(kept.stage[CALL_STAGE_system] + error, clock_to_ns(part));
  cr_assert_leq(kept.stage[CALL_STAGE_refill], clock_to_ns(2 * part) + error);
  cr_assert_geq(kept.stage[CALL_STAGE_refill] + error, clock_to_ns(2 * part));
  uint64_t sum = 0;
  for (unsigned i = 0; i < CALL_STAGE_COUNT; i++) sum += kept.stage[i];
  cr_assert_leq(sum, ns);
  cr_assert_eq(kept.cls, 3);
  cr_assert_eq(kept.size, 40);
  /* The next call has none of these stages. */
  const uint64_t next = clock_ticks();
  calls_begin();
  spend(part);
  calls_describe(&kept, &call, calls_end(next, &call));
  cr_assert_eq(kept.stage[CALL_STAGE_refill], 0);
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Seen from outside, a call ends when it is recorded. */
Test(longest, a_call_has_the_time_that_recording_takes) {
  clock_start();
  const struct call call = {CALL_free, 7, CLASS_NONE, 0};
  static uint64_t outside[1001];
  const size_t calls = sizeof(outside) / sizeof(outside[0]);
  for (size_t i = 0; i < calls; i++) {
    const uint64_t start = clock_ticks();
    calls_end_plain(start, &call);
    outside[i] = clock_ticks() - start;
  }
  qsort(outside, calls, sizeof(outside[0]), compare);
  struct histogram h = {0};
  histogram_merge_row(&h, stats_span(&stats_block()->call_times.slow[CALL_free], call.cls));
  histogram_complete(&h);
  cr_assert_eq(h.count, calls);
  const uint64_t seen = clock_to_ns(outside[calls / 2]), recorded = histogram_quantile(&h, 0.5);
  cr_assert(recorded * 10 >= seen * 7, "%lu ns recorded, %lu ns from outside", (unsigned long)recorded, (unsigned long)seen);
}

Test(longest, stages_that_say_too_much_are_cut) {
  clock_start();
  const struct call call = {CALL_free, 5, CLASS_NONE, 0};
  stats_block()->calls_least_ns = 0;
  const uint64_t start = clock_ticks();
  calls_begin();
  calls_stage(CALL_STAGE_system, clock_ticks_per_second());
  struct stats_call kept;
  const uint64_t ns = calls_end(start, &call);
  calls_describe(&kept, &call, ns);
  cr_assert_eq(kept.stage[CALL_STAGE_system], ns);
}

/* How many calls the tables have: a histogram's row counts in its buckets. */
static uint64_t counted(void) {
  uint64_t sum = 0;
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      struct histogram h = {0};
      histogram_merge_row(&h, stats_span(&stats_block()->call_times.slow[kind], cls));
      histogram_complete(&h);
      sum += h.count;
    }
  }
  return sum;
}

static void call_slowly(unsigned times) {
  const struct call call = {CALL_malloc, 3, CLASS_NONE, 40};
  for (unsigned i = 0; i < times; i++) {
    const uint64_t start = clock_ticks();
    calls_begin();
    calls_stage(CALL_STAGE_refill, 1);
    calls_end(start, &call);
  }
}

Test(longest, a_child_counts_its_own_calls) {
  config.stats = 1;
  hak_free(hak_malloc(1)); /* registers the handlers of a fork */
  call_slowly(100);
  keep(UINT64_MAX);
  cr_assert_geq(counted(), 100);
  const pid_t child = fork();
  if (child == 0) {
    call_slowly(10);
    const uint64_t here = counted();
    _exit(here < 10 || here >= 100 ? 1 : stats_block()->calls[0].ns == UINT64_MAX ? 2 : 0);
  }
  int status;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0, "status %#x", (unsigned)status);
  cr_assert_geq(counted(), 100);
}
