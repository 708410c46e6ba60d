/* A thread's lists: budgets that count, refills, drains, trim, the end of a thread, lists with a broken header. */
#include "threads/tls_sll.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "alloc/alloc.h"
#include "platform/config.h"
#include "memory/os.h"
#include "modes/modes.h"
#include "statistics/stats.h"
#include "platform/random.h"
#include "slabs/shared_pool.h"
#include "threads/tls_drain.h"
#include "threads/tls_lists.h"

static struct stats_class_counters counted(uint32_t cls) {
  sll_publish_all();
  return stats_block()->cls[cls];
}

static uint64_t cached(uint32_t cls) {
  uint64_t allocs, frees;
  return sll_cached(cls, &allocs, &frees);
}

static void decay(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_decay_class(cache, cls);
  sll_give_share(cache);
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

/* Where as many blocks come as go, a list is drained when it has wandered to its limit, and does not grow instead. */
Test(tls_sll, a_list_that_wanders_stays_short) {
  enum { LEAST = 100, MOST = 500 };
  static void *p[MOST];
  const uint32_t cls = class_of_size(500);
  uint64_t random = 1, longest = 0;
  unsigned live = 0;
  for (int i = 0; i < 1000000; i++) {
    const bool more = live <= LEAST || (live < MOST && random_next(&random) >> 63 != 0);
    if (more) p[live++] = alloc_fast(500);
    else free_fast(p[--live]);
    if (cached(cls) > longest) longest = cached(cls);
  }
  while (live > 0) free_fast(p[--live]);
  cr_assert(longest > 32 && longest < 300, "%llu blocks in the lists", (unsigned long long)longest);
}

/* A thread that has lists while the others work. */
static void *be_there(void *arg) {
  free_fast(alloc_fast(1000));
  pthread_barrier_wait(arg);
  pthread_barrier_wait(arg);
  return NULL;
}

/* The more threads, the less of what is in use each may keep: or what they keep, which counts as used, would let all of them keep more. */
static uint32_t grown_among(unsigned threads) {
  enum { LIVE = 20000 };
  static void *p[LIVE];
  const uint32_t cls = class_of_size(100);
  uint64_t random = 1;
  config.release_delay = 1000000;
  pthread_t t[32];
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, threads);
  for (unsigned i = 1; i < threads; i++) pthread_create(&t[i], NULL, be_there, &barrier);
  pthread_barrier_wait(&barrier);
  unsigned live = 0;
  while (live < LIVE / 5) p[live++] = alloc_fast(100);
  for (unsigned i = 0; i < 1000000; i++) {
    if (live == LIVE || (live > LIVE / 5 && random_next(&random) >> 63 != 0)) free_fast(p[--live]);
    else p[live++] = alloc_fast(100);
  }
  const uint32_t most = sll_self->state[cls].most;
  while (live > 0) free_fast(p[--live]);
  pthread_barrier_wait(&barrier);
  for (unsigned i = 1; i < threads; i++) pthread_join(t[i], NULL);
  pthread_barrier_destroy(&barrier);
  return most;
}

Test(tls_sll, a_list_that_wanders_is_shorter_among_many_threads) { cr_assert_leq(grown_among(32), 128); }
Test(tls_sll, a_list_that_wanders_may_be_longer_in_one_thread) { cr_assert_gt(grown_among(1), 200); }

/* Allocations that come through the slow path do not put off the look at the length. */
Test(tls_sll, lists_stay_bounded_where_allocations_are_sampled_often) {
  enum { LIVE = 20000, SIZE = 30000 };
  static void *p[LIVE];
  const uint32_t cls = class_of_size(SIZE);
  config.profile = 1000;
  modes_resolve(false);
  config.drain_interval = config.sample = 0;
  unsigned live = 0;
  uint64_t longest = 0;
  while (live < LIVE) p[live++] = alloc_fast(SIZE);
  while (live > 3) {
    for (unsigned i = 0; i < 3; i++) free_fast(p[--live]);
    for (unsigned i = 0; i < 2; i++) p[live++] = alloc_fast(SIZE);
    if (cached(cls) > longest) longest = cached(cls);
  }
  cr_assert_lt(longest, 30, "%llu blocks", (unsigned long long)longest);
}

/* A list that grew while there was much to do is short again in time. */
Test(tls_sll, lists_grow_short_again) {
  enum { LIVE = 50000 };
  static void *p[LIVE];
  const uint32_t cls = class_of_size(100);
  config.release_delay = 1000000;
  free_fast(alloc_fast(100));
  const uint32_t first = sll_self->state[cls].most;
  for (unsigned round = 0; round < 10; round++) {
    for (unsigned i = 0; i < LIVE; i++) p[i] = alloc_fast(100);
    for (unsigned i = 0; i < LIVE; i++) free_fast(p[i]);
  }
  cr_assert_gt(sll_self->state[cls].most, 4 * first);
  for (unsigned round = 0; round < 6; round++) {
    free_fast(alloc_fast(100));
    decay(sll_self);
    pool_scavenge(true, 0, sll_return_blocks);
  }
  cr_assert_eq(sll_self->state[cls].most, first);
}

/* What one thread drained says nothing of what the next one needs. */
Test(tls_sll, a_list_does_not_grow_for_what_another_thread_drained) {
  void *p[200];
  const uint32_t cls = class_of_size(100);
  free_fast(alloc_fast(100));
  const uint32_t first = sll_self->state[cls].most;
  sll_self->state[cls].drained = true;
  sll_self->state[cls].since_given = 10;
  sll_shorten(sll_self);
  for (unsigned i = 0; i < 200; i++) p[i] = alloc_fast(100);
  cr_assert_eq(sll_self->state[cls].most, first);
  for (unsigned i = 0; i < 200; i++) free_fast(p[i]);
}

/* A class all of whose slabs are legacy's refills by as much as any other. */
Test(tls_sll, refills_from_legacy_grow) {
  enum { OTHERS = 20000, LIVE = 20000 };
  static void *others[OTHERS], *p[LIVE];
  const uint32_t cls = class_of_size(100);
  config.ss_limit = 1;
  for (unsigned i = 0; i < OTHERS; i++) others[i] = alloc_fast(500);
  for (unsigned i = 0; i < LIVE; i++) p[i] = alloc_fast(100);
  struct pool_usage pool;
  pool_usage(cls, &pool);
  cr_assert_eq(pool.slabs, 0);
  cr_assert_gt(sll_self->state[cls].refill, 100);
  for (unsigned i = 0; i < LIVE; i++) free_fast(p[i]);
  for (unsigned i = 0; i < OTHERS; i++) free_fast(others[i]);
}

/* Where many come and then many go, over and over, the lists grow until they keep them. */
Test(tls_sll, bursts_are_kept_in_the_end) {
  enum { BURST = 400, ROUNDS = 20 };
  static void *p[BURST];
  const uint32_t cls = class_of_size(500);
  uint64_t drained[ROUNDS];
  config.release_delay = 1000000;
  for (int round = 0; round < ROUNDS; round++) {
    const uint64_t before = counted(cls).drain_blocks;
    for (int i = 0; i < BURST; i++) p[i] = alloc_fast(500);
    for (int i = 0; i < BURST; i++) free_fast(p[i]);
    drained[round] = counted(cls).drain_blocks - before;
  }
  cr_assert_gt(drained[0], 0);
  cr_assert_eq(drained[ROUNDS - 1], 0);
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
  config.release_delay = 1000000; /* only this test decays */
  for (int i = 0; i < 100; i++) p[i] = alloc_fast(size);
  for (int i = 0; i < 100; i++) free_fast(p[i]);
  struct sll_cache *cache = sll_enter();
  decay(cache);
  cr_assert_gt(cached(cls), 0, "it had run out");
  const struct stats_class_counters before = counted(cls);
  for (int i = 0; i < 100; i++) free_fast(alloc_fast(size));
  const struct stats_class_counters after = counted(cls);
  cr_assert_gt(after.drain_interval, before.drain_interval);
  cr_assert_eq(stats_refills(&after), stats_refills(&before));
  cr_assert_eq(after.drain_length, before.drain_length);
  decay(cache);
  cr_assert_eq(cached(cls), 0);
  sll_leave(cache);
}

/* It would have to fetch them again at once, and the program would wait. */
Test(tls_sll, a_list_in_use_keeps_blocks_over_a_decay) {
  enum { LIVE = 20000, CYCLE = 40 };
  static void *p[LIVE];
  const size_t size = 100;
  const uint32_t cls = class_of_size(size);
  config.release_delay = 1000000; /* only this test decays */
  for (unsigned i = 0; i < LIVE; i++) p[i] = alloc_fast(size);
  for (unsigned round = 0; round < 100; round++) {
    for (unsigned i = 0; i < CYCLE; i++) free_fast(p[i]);
    for (unsigned i = 0; i < CYCLE; i++) p[i] = alloc_fast(size);
  }
  for (unsigned i = 0; i < CYCLE; i++) free_fast(p[i]);
  struct sll_cache *cache = sll_enter();
  cache->state[cls].moved = false;
  const uint64_t in_list = cached(cls) - cache->state[cls].spare_count;
  decay(cache);
  cr_assert_geq(in_list, CYCLE);
  cr_assert_eq(cached(cls), in_list, "%u blocks are few beside %u in use", (unsigned)in_list, LIVE);
  decay(cache);
  cr_assert_eq(cached(cls), 0, "it was not used between the two");
  sll_leave(cache);
}

/* A decay of all classes takes up to a millisecond. */
Test(tls_sll, a_decay_is_spread_over_visits) {
  enum { CLASSES = 40 };
  config.release_delay = 1000000;
  void *p[CLASSES];
  for (uint32_t cls = 0; cls < CLASSES; cls++) p[cls] = alloc_fast(class_stride(cls) - 1);
  for (uint32_t cls = 0; cls < CLASSES; cls++) free_fast(p[cls]);
  struct sll_cache *const cache = sll_self;
  config.release_delay = 250;
  const uint64_t last = cache->decay_ms = os_now_ms() - 200; /* all classes are due */
  unsigned visits = 0, most = 0;
  for (uint32_t done = 0; cache->decay_ms == last && visits < 1000; visits++) {
    cache->seen_ms = os_now_ms();
    sll_enter();
    sll_leave(cache);
    if (cache->decayed > done && cache->decayed - done > most) most = cache->decayed - done;
    done = cache->decayed;
  }
  cr_assert(visits > 10 && visits < 1000, "%u visits", visits);
  cr_assert_lt(most, CLASS_COUNT / 2);
  for (uint32_t cls = 0; cls < CLASSES; cls++) cr_assert_eq(cached(cls), 0);
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

Test(tls_sll, an_option_that_asks_for_more_samples_is_obeyed) {
  config.sample = 64;
  for (unsigned i = 0; i < 500000; i++) free_fast(alloc_fast(100));
  cr_assert_gt(sll_self->samples, 1000000 / 64 / 3);
}
