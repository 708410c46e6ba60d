/* A thread's lists: budgets that count, refills, drains, trim, the end of a thread, lists with a broken header. */
#include "tls_sll.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "alloc.h"
#include "config.h"
#include "hub.h"
#include "shared_pool.h"

static struct stats_class_counters counted(uint32_t cls) {
  sll_publish_all();
  return stats_block()->cls[cls];
}

static uint64_t cached(uint32_t cls) {
  uint64_t allocs, frees;
  return sll_cached(cls, &allocs, &frees);
}

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
  sll_publish_all();
  const uint64_t before = cached(cls);
  for (int i = 0; i < 10; i++) free_fast(p[i]);
  uint64_t allocs, frees;
  cr_assert_eq(sll_cached(cls, &allocs, &frees), before + 10);
  cr_assert_eq(allocs, 0);
  cr_assert_eq(frees, 10);
}

Test(tls_sll, a_block_freed_last_is_handed_out_first) {
  void *a = alloc_fast(300), *b = alloc_fast(300);
  free_fast(a);
  free_fast(b);
  cr_assert_eq(alloc_fast(300), b);
  cr_assert_eq(alloc_fast(300), a);
}

Test(tls_sll, lists_stay_bounded) {
  static void *p[20000];
  const uint32_t cls = class_of_size(100);
  for (int i = 0; i < 20000; i++) p[i] = alloc_fast(100);
  for (int i = 0; i < 20000; i++) {
    free_fast(p[i]);
    cr_assert_lt(cached(cls), 3000);
  }
  const struct stats_class_counters c = counted(cls);
  cr_assert_gt(c.drain_length + c.drain_interval, 0);
  cr_assert_gt(c.drain_blocks, 10000);
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
  for (int i = 0; i < 100; i++) p[i] = alloc_fast(3000);
  for (int i = 0; i < 100; i++) free_fast(p[i]);
  return arg;
}

Test(tls_sll, an_ended_threads_lists_are_taken_over) {
  const uint32_t cls = class_of_size(3000);
  free_fast(alloc_fast(1)); /* this thread has its lists */
  const uint64_t before = cached(cls);
  pthread_t t;
  pthread_create(&t, NULL, use_and_end, NULL);
  pthread_join(t, NULL);
  cr_assert_eq(cached(cls), before, "no list holds them any more");
  cr_assert_gt(counted(cls).drain_exit, 0);
  cr_assert_eq(stats_block()->counters.thread_exit, 1);
  struct pool_usage usage;
  pool_usage(cls, &usage);
  cr_assert_gt(usage.batched, 0, "they wait for the next thread");
  const uint64_t slabs = usage.slabs;
  pthread_create(&t, NULL, use_and_end, NULL);
  pthread_join(t, NULL);
  pool_usage(cls, &usage);
  cr_assert_gt(counted(cls).refill_batch, 0, "and it took them");
  cr_assert_leq(usage.slabs, slabs + 1);
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

Test(tls_sll, full_tracing_sends_everything_through_the_slow_path) {
  sll_go_slow(true);
  for (int i = 0; i < 5000; i++) free_fast(alloc_fast(100)); /* old budgets run out */
  const uint64_t before = stats_block()->counters.lookup_hit;
  for (int i = 0; i < 1000; i++) free_fast(alloc_fast(100));
  cr_assert_eq(stats_block()->counters.lookup_hit - before, 1000);
  sll_go_slow(false);
}

Test(tls_sll, a_list_that_neither_ran_out_nor_over_goes_back_whole_in_the_end) {
  static void *p[100];
  const size_t size = 100;
  const uint32_t cls = class_of_size(size);
  config.drain_interval = 32;
  config.release_delay = 1000000; /* the decay comes by the hand of the test alone */
  for (int i = 0; i < 100; i++) p[i] = alloc_fast(size);
  for (int i = 0; i < 100; i++) free_fast(p[i]);
  struct sll_cache *cache = sll_enter();
  sll_decay(cache);
  cr_assert_gt(cached(cls), 0, "it had run out");
  const struct stats_class_counters before = counted(cls);
  for (int i = 0; i < 100; i++) free_fast(alloc_fast(size));
  const struct stats_class_counters after = counted(cls);
  cr_assert_gt(after.drain_interval, before.drain_interval);
  cr_assert_eq(stats_refills(&after), stats_refills(&before));
  cr_assert_eq(after.drain_length, before.drain_length);
  sll_decay(cache);
  cr_assert_eq(cached(cls), 0);
  sll_leave(cache);
}
