/* How long a thread's lists become, and how they become short again. */
#include "threads/tls_sll.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "alloc/alloc.h"
#include "platform/config.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "modes/modes.h"
#include "platform/random.h"
#include "slabs/pool/shared_pool.h"
#include "threads/tls_drain.h"
#include "lists.h"

static void decay(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_decay_class(cache, cls);
  sll_give_share(cache);
}

Test(tls_growth, lists_stay_bounded) {
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
Test(tls_growth, a_list_that_wanders_stays_short) {
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

Test(tls_growth, a_list_that_wanders_is_shorter_among_many_threads) { cr_assert_leq(grown_among(32), 128); }
Test(tls_growth, a_list_that_wanders_may_be_longer_in_one_thread) { cr_assert_gt(grown_among(1), 200); }

/* Allocations that come through the slow path do not put off the look at the length. */
Test(tls_growth, lists_stay_bounded_where_allocations_are_sampled_often) {
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
Test(tls_growth, lists_grow_short_again) {
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
    pool_trim(0, sll_return_blocks);
  }
  cr_assert_eq(sll_self->state[cls].most, first);
}

/* What one thread drained says nothing of what the next one needs. */
Test(tls_growth, a_list_does_not_grow_for_what_another_thread_drained) {
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
Test(tls_growth, refills_from_legacy_grow) {
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
Test(tls_growth, bursts_are_kept_in_the_end) {
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

Test(tls_growth, a_list_that_neither_ran_out_nor_over_goes_back_whole_in_the_end) {
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
Test(tls_growth, a_list_in_use_keeps_blocks_over_a_decay) {
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

/* A burst after each decay uses `burst` blocks. Returns in how many of the decays the list gave some up. */
static unsigned decays_with_bursts(struct sll_cache *cache, unsigned decays, unsigned burst) {
  static void *p[400];
  const uint32_t cls = class_of_size(100);
  const uint64_t before = counted(cls).drain_idle;
  for (unsigned decayed = 0; decayed < decays; decayed++) {
    for (unsigned cycle = 0; cycle < 50; cycle++) {
      for (unsigned i = 0; i < burst; i++) p[i] = alloc_fast(100);
      for (unsigned i = 0; i < burst; i++) free_fast(p[i]);
    }
    decay(cache);
  }
  return (unsigned)(counted(cls).drain_idle - before);
}

/* Otherwise the next burst would fetch them again. */
Test(tls_growth, bursts_are_seldom_interrupted_by_decays) {
  config.release_delay = 1000000; /* only this test decays */
  struct sll_cache *cache = sll_enter();
  const unsigned before = decays_with_bursts(cache, 40, 400);
  cr_assert(before >= 5 && before <= 14, "%u of 40 decays", before);
  decays_with_bursts(cache, 12, 8);
  cr_assert_lt(cached(class_of_size(100)), 50, "blocks that no burst needs leave");
  sll_leave(cache);
}

/* A decay of all classes takes up to a millisecond. */
Test(tls_growth, a_decay_is_spread_over_visits) {
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

/* What the lists of `count` threads take if each thread begins one of every class. They give it back. */
static size_t taken_by_threads(struct sll_cache *caches, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
      caches[i].state[cls].use = USE_TAKEN;
      sll_begin_short(&caches[i], cls);
    }
  }
  const size_t taken = sll_shared();
  for (unsigned i = 0; i < count; i++) sll_give_all_shares(&caches[i]);
  return taken;
}

/* Many threads that work on and on need long lists each. Threads that rest after their only burst do not. */
Test(tls_growth, the_lists_of_active_threads_may_hold_more) {
  enum { THREADS = 100, PERIOD = 200 };
  static struct sll_cache caches[THREADS];
  free_fast(alloc_fast(1)); /* prepares */
  config.release_delay = PERIOD - 1;
  for (unsigned i = 0; i < THREADS; i++) sll_init(&caches[i]);
  const uint64_t now = os_now_ms() / PERIOD * PERIOD + PERIOD;
  const size_t few = taken_by_threads(caches, THREADS);
  cr_assert(few > 20 * MIB && few <= 32 * MIB, "%zu bytes", few);
  for (unsigned i = 0; i < 2 * THREADS; i++) sll_note_active(&caches[i / 2], now);
  const size_t much = taken_by_threads(caches, THREADS);
  cr_assert(much > 2 * few && much <= 128 * MIB, "%zu bytes", much);
  sll_note_active(&caches[0], now + PERIOD);
  cr_assert_gt(taken_by_threads(caches, THREADS), 2 * few, "the others were active in the period before");
  soft_limit_set(1024 * MIB);
  cr_assert_leq(taken_by_threads(caches, THREADS), 32 * MIB, "a soft limit is kept with short lists");
  soft_limit_set(0);
  sll_note_active(&caches[0], now + 2 * PERIOD);
  cr_assert_leq(taken_by_threads(caches, THREADS), 32 * MIB, "only one is active");
}
