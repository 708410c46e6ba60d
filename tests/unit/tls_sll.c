/* A thread's lists: budgets that count, refills, drains, trim, the end of a thread, lists with a broken header, samples. */
#include "threads/tls_sll.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "platform/config.h"
#include "slabs/pool/shared_pool.h"
#include "threads/tls_lists.h"
#include "lists.h"

Test(tls_sll, a_thread_begins_with_lists_that_hold_nothing) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cr_assert_not(block_can_pop(sll_empty.head[cls]));
    cr_assert_eq(sll_empty.budget[cls].alloc, 0);
  }
  cr_assert_eq(sll_empty.directory, &directory_blind);
}

Test(tls_sll, every_operation_is_counted_once) {
  static void *p[5000];
  for (uint32_t cls = 0; cls < CLASS_ALIGNED; cls += 7) {
    const struct stats_class_counters before = counted(cls);
    const unsigned n = cls < 40 ? 5000 : 500;
    for (unsigned i = 0; i < n; i++) p[i] = alloc_fast(class_stride(cls) - 1);
    cr_assert_eq(counted(cls).allocs, before.allocs + n);
    for (unsigned i = 0; i < n / 2; i++) free_fast(p[i]);
    cr_assert_eq(counted(cls).frees, before.frees + n / 2);
    for (unsigned i = n / 2; i < n; i++) free_fast(p[i]);
    const struct stats_class_counters after = counted(cls);
    cr_assert_eq(after.allocs - before.allocs, n);
    cr_assert_eq(after.frees - before.frees, n);
  }
}

Test(tls_sll, what_is_not_published_yet_is_known) {
  void *p[10];
  for (int i = 0; i < 10; i++) p[i] = alloc_fast(500);
  const uint32_t cls = class_of_size(500);
  const uint64_t published = counted(cls).frees, before = cached(cls);
  for (int i = 0; i < 10; i++) free_fast(p[i]);
  uint64_t allocs, frees;
  cr_assert_eq(sll_cached(cls, &allocs, &frees), before + 10);
  cr_assert_eq(allocs, 0);
  cr_assert_eq(stats_block()->cls[cls].frees + frees, published + 10, "a sample that was due has published those before it");
}

Test(tls_sll, a_block_freed_last_is_handed_out_first) {
  void *a = alloc_fast(300), *b = alloc_fast(300);
  free_fast(a);
  free_fast(b);
  cr_assert_eq(alloc_fast(300), b);
  cr_assert_eq(alloc_fast(300), a);
}

Test(tls_sll, drains_at_the_interval) {
  config.drain_interval = 100;
  const uint32_t cls = class_of_size(100);
  void *p[8];
  /* Armed before the interval changed: let the old budget run out. */
  for (int round = 0; round < 4000; round++) free_fast(alloc_fast(100));
  const uint64_t before = counted(cls).drain_interval;
  for (int round = 0; round < 1000; round++) {
    for (int i = 0; i < 8; i++) p[i] = alloc_fast(100);
    for (int i = 0; i < 8; i++) free_fast(p[i]);
  }
  const uint64_t drains = counted(cls).drain_interval - before;
  cr_assert(drains >= 79 && drains <= 81, "8000 frees, an interval of 100: %llu drains", (unsigned long long)drains);
}

Test(tls_sll, never_drains_by_interval_if_it_is_0) {
  config.drain_interval = 0;
  const uint32_t cls = class_of_size(700);
  for (int i = 0; i < 10000; i++) free_fast(alloc_fast(700));
  cr_assert_eq(counted(cls).drain_interval, 0);
}

Test(tls_sll, a_trim_leaves_nothing_behind) {
  static void *p[1000];
  for (int i = 0; i < 1000; i++) p[i] = alloc_fast((size_t)i * 30);
  for (int i = 0; i < 1000; i++) free_fast(p[i]);
  struct sll_cache *cache = sll_enter();
  sll_drain_all(cache, DRAIN_TRIM);
  sll_leave(cache);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) cr_assert_eq(cached(cls), 0, "class %u", cls);
}

static void *use_and_end(void *arg) {
  void *p[100];
  for (int i = 0; i < 100; i++) p[i] = alloc_fast(1000);
  for (int i = 0; i < 100; i++) free_fast(p[i]);
  return arg;
}

static void *use_one(void *arg) {
  void *const p = alloc_fast(1000);
  if (arg != NULL) *(void **)arg = p;
  free_fast(p);
  return NULL;
}

static void run(void *(*work)(void *), void *arg) {
  pthread_t t;
  pthread_create(&t, NULL, work, arg);
  pthread_join(t, NULL);
}

Test(tls_sll, an_ended_threads_lists_are_taken_over) {
  const uint32_t cls = class_of_size(1000);
  config.release_delay = 1000000;
  free_fast(alloc_fast(1)); /* this thread has its lists */
  run(use_and_end, NULL);
  const struct stats_class_counters first = counted(cls);
  const uint64_t waiting = cached(cls);
  cr_assert_gt(first.drain_exit, 0, "most of them went to the pool");
  cr_assert(waiting > 0 && waiting < 10, "a few wait for the next thread: %lu", (unsigned long)waiting);
  cr_assert_eq(stats_block()->counters.thread_exit, 1);
  struct pool_usage usage;
  pool_usage(cls, &usage);
  cr_assert_gt(usage.batched, 0);
  const uint64_t slabs = usage.slabs;
  run(use_and_end, NULL);
  pool_usage(cls, &usage);
  cr_assert_gt(counted(cls).refill_batch, 0, "it took what was in the pool");
  cr_assert_leq(usage.slabs, slabs + 1);
}

Test(tls_sll, a_short_threads_lists_are_the_next_ones) {
  const uint32_t cls = class_of_size(1000);
  config.release_delay = 1000000;
  void *first, *next;
  run(use_one, &first);
  const struct stats_class_counters then = counted(cls);
  for (int i = 0; i < 100; i++) {
    run(use_one, &next);
    cr_assert_eq(next, first);
  }
  const struct stats_class_counters now = counted(cls);
  cr_assert_eq(now.allocs - then.allocs, 100);
  cr_assert_eq(stats_refills(&now), stats_refills(&then));
  cr_assert_eq(stats_drains(&now), stats_drains(&then));
}

static void *use_large(void *arg) {
  for (size_t size = 2048; size < SMALL_MAX; size += size / 8) free_fast(alloc_fast(size));
  return arg;
}

Test(tls_sll, large_blocks_do_not_wait) {
  config.release_delay = 1000000;
  run(use_large, NULL);
  for (uint32_t cls = class_of_size(2048); cls < CLASS_ALIGNED; cls++) cr_assert_eq(cached(cls), 0);
}

static void *free_many(void *blocks) {
  for (unsigned i = 0; i < 2000; i++) free_fast(((void **)blocks)[i]);
  return NULL;
}

static void *grow_lists(void *arg) {
  static void *p[2000];
  for (unsigned round = 0; round < 30; round++) {
    for (unsigned i = 0; i < 2000; i++) p[i] = alloc_fast(100);
    for (unsigned i = 0; i < 2000; i++) free_fast(p[i]);
  }
  return arg;
}

Test(tls_sll, the_next_threads_lists_are_as_short_as_new_ones) {
  static void *p[2][2000];
  const uint32_t cls = class_of_size(100);
  config.release_delay = 1000000;
  for (unsigned i = 0; i < 4000; i++) p[i / 2000][i % 2000] = alloc_fast(100);
  run(free_many, p[0]);
  const struct stats_class_counters first = counted(cls);
  run(grow_lists, NULL);
  const struct stats_class_counters then = counted(cls);
  run(free_many, p[1]);
  const struct stats_class_counters now = counted(cls);
  cr_assert_gt(first.drain_length, 4);
  cr_assert_geq(now.drain_length - then.drain_length + 2, first.drain_length, "%lu, %lu", (unsigned long)(now.drain_length - then.drain_length),
                (unsigned long)first.drain_length);
}

Test(tls_sll, what_waits_for_no_thread_goes_back_with_a_trim) {
  const uint32_t cls = class_of_size(1000);
  config.release_delay = 1000000;
  run(use_one, NULL);
  cr_assert_gt(cached(cls), 0);
  sll_trim_ended();
  cr_assert_eq(cached(cls), 0);
}

Test(tls_sll, what_waits_for_no_thread_goes_back_in_time) {
  const uint32_t cls = class_of_size(1000);
  config.release_delay = 20;
  run(use_one, NULL);
  cr_assert_gt(cached(cls), 0);
  for (int i = 0; i < 2000 && cached(cls) > 0; i++) {
    usleep(1000);
    for (int n = 0; n < 100; n++) sll_leave(sll_enter()); /* another thread enters its slow path */
  }
  cr_assert_eq(cached(cls), 0);
}

static pthread_barrier_t all_are_there;

static void *use_together(void *arg) {
  free_fast(alloc_fast(1000));
  pthread_barrier_wait(&all_are_there);
  return arg;
}

Test(tls_sll, no_more_lists_wait_than_threads_run) {
  enum { THREADS = 20 };
  const uint32_t cls = class_of_size(1000);
  config.release_delay = 1000000;
  free_fast(alloc_fast(1));
  pthread_t t[THREADS];
  pthread_barrier_init(&all_are_there, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, use_together, NULL);
  for (int i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
  cr_assert_geq(counted(cls).drain_exit, THREADS / 2 - 2, "half of them were drained when they ended");
  cr_assert_geq(cached(cls), THREADS / 2 - 2, "and half of them wait");
}

Test(tls_sll, a_head_with_a_broken_header_is_dropped_and_never_handed_out) {
  void *p[20];
  for (int i = 0; i < 20; i++) p[i] = alloc_fast(100);
  for (int i = 0; i < 20; i++) free_fast(p[i]);
  header_set(p[19], 0x00);
  cr_assert_eq(stats_block()->counters.hdr_reset, 0);
  for (int i = 0; i < 3000; i++) cr_assert_neq(alloc_fast(100), p[19]);
  cr_assert_eq(stats_block()->counters.hdr_reset, 1);
}

/* Wherever in the list it is: the blocks before it are handed out, it and those behind it never. */
Test(tls_sll, a_broken_link_costs_its_block_and_those_behind_it) {
  for (int at = 0; at < 20; at += 19) {
    void *p[20];
    for (int i = 0; i < 20; i++) p[i] = alloc_fast(100);
    for (int i = 0; i < 20; i++) free_fast(p[i]);
    ((struct block *)p[at])->word ^= UINT64_C(1) << 20;
    const uint64_t before = stats_block()->counters.hdr_reset;
    bool seen[20] = {false};
    for (int n = 0; n < 3000; n++) {
      const void *block = alloc_fast(100);
      for (int i = 0; i < 20; i++) seen[i] |= p[i] == block;
    }
    cr_assert_eq(stats_block()->counters.hdr_reset, before + 1);
    for (int i = 0; i < 20; i++) cr_assert_eq(seen[i], i > at, "%d of %d", i, at);
    cr_assert(sll_is_valid(sll_self));
  }
}

Test(tls_sll, a_block_that_is_in_a_list_twice_is_handed_out_once) {
  void *p = alloc_fast(100);
  free_fast(p);
  header_set(p, header_live(class_of_size(100))); /* the program forges it, and frees the block again */
  free_fast(p);
  for (int i = 0, times = 0; i < 3000; i++) {
    times += alloc_fast(100) == p;
    cr_assert_leq(times, 1);
  }
  cr_assert_eq(stats_block()->counters.hdr_reset, 1);
}

Test(tls_sll, links_stay_right_in_a_forked_child) {
  void *p[200];
  for (int i = 0; i < 200; i++) p[i] = alloc_fast(100);
  for (int i = 0; i < 200; i++) free_fast(p[i]);
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3000; i++) free_fast(alloc_fast((size_t)i % 200));
    _exit(sll_are_valid() && stats_block()->counters.hdr_reset == 0 ? 0 : 1);
  }
  int status;
  cr_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  cr_assert(sll_are_valid());
}

Test(tls_sll, full_tracing_sends_everything_through_the_slow_path) {
  sll_go_slow(true);
  for (int i = 0; i < 5000; i++) free_fast(alloc_fast(100)); /* old budgets run out */
  const uint64_t before = stats_block()->counters.lookup_hit;
  for (int i = 0; i < 1000; i++) free_fast(alloc_fast(100));
  cr_assert_eq(stats_block()->counters.lookup_hit - before, 1000);
  sll_go_slow(false);
}

Test(tls_sll, a_thread_that_runs_long_is_sampled_more_seldom) {
  const uint64_t gap = config.sample;
  uint64_t first = 0;
  for (unsigned i = 0; i < 3000000; i++) {
    if (i == 50000) first = sll_self->samples;
    free_fast(alloc_fast(100));
  }
  cr_assert_geq(first, 100000 / gap / 2, "%llu samples", (unsigned long long)first);
  const uint64_t samples = sll_self->samples;
  cr_assert(samples > 3 * 128 && samples < 6000000 / gap / 3, "%llu samples", (unsigned long long)samples);
}

/* Budgets of several classes end in turn, so samples lie further apart than HAKMEM_STATS_SAMPLE says. */
Test(tls_sll, samples_stand_for_all_operations_that_passed) {
  enum { ROUNDS = 20000, CLASSES = 8 };
  config.sample = 64;
  free_fast(alloc_fast(100));
  const struct sll_cache *const cache = sll_own();
  uint64_t stands_for = 0;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    for (size_t i = 1; i <= CLASSES; i++) {
      const uint32_t samples = cache->samples;
      free_fast(alloc_fast(100 * i));
      if (cache->samples != samples) stands_for += (uint64_t)sll_sample_weight() * config.sample;
    }
  }
  const uint64_t passed = 2 * CLASSES * ROUNDS;
  cr_assert(stands_for > passed - passed / 8 && stands_for < passed + passed / 8, "the samples stand for %lu of %lu operations", (unsigned long)stands_for,
            (unsigned long)passed);
}

#define SERIES 100

/* Samples of callocs if the program makes the same 2 * `period` calls again and again, and the allocation number `at` of them is a calloc. */
static uint64_t timed_callocs(unsigned period, unsigned at) {
  free_fast(alloc_fast(100));
  memset(&stats_block()->call_times, 0, sizeof(stats_block()->call_times));
  const struct sll_cache *const cache = sll_own();
  for (const uint32_t first = cache->samples; cache->samples - first < 16 * SERIES;) {
    for (unsigned i = 0; i < period; i++) free_fast(i == at ? alloc_zeroed(1, 100) : alloc_fast(100));
  }
  struct histogram times = {0};
  histogram_merge_row(&times, stats_span(&stats_block()->call_times.fast[CALL_calloc], class_of_size(100)));
  histogram_complete(&times);
  return times.count;
}

/*
 * All calls are of one class. So each budget ends behind the same of them, and then a series of timed calls begins. One that begins by chance shows each
 * allocation with a probability of 2 / period. So SERIES of them miss one of the 12 with a probability of less than 12 * (3 / 4)^SERIES.
 */
Test(tls_sll, series_of_timed_calls_show_each_call_of_a_program_that_repeats_itself) {
  config.sample = 63; /* so every 64th allocation leaves the fast path */
  for (unsigned period = 4; period <= 8; period *= 2) {
    for (unsigned at = 0; at < period; at++)
      cr_assert_gt(timed_callocs(period, at), 0, "of %u calls that come again, number %u was never timed", 2 * period, 2 * at);
  }
}

Test(tls_sll, an_option_that_asks_for_more_samples_is_obeyed) {
  config.sample = 64;
  for (unsigned i = 0; i < 500000; i++) free_fast(alloc_fast(100));
  cr_assert_gt(sll_self->samples, 1000000 / 64 / 3);
}
