/* The shared pool: where refills come from, batches, empty slabs and SuperSlabs, the limit, what it says it holds. */
#include "memory/soft_limit.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/config.h"
#include "slabs/directory.h"
#include "base/sink.h"
#include "memory/os.h"
#include "touch.h"

/* No slab here is a legacy one. */
static uint32_t give_back(uint32_t cls, struct chain chain, bool trim) {
  struct chain legacy = CHAIN_EMPTY;
  const uint32_t touched = pool_return_blocks(cls, &chain, &legacy, trim);
  cr_assert_eq(chain.count + legacy.count, 0, "class %u", cls);
  return touched;
}

static struct pool_usage usage(uint32_t cls) {
  struct pool_usage u;
  pool_usage(cls, &u);
  return u;
}

static struct superslabs_totals totals(void) {
  struct superslabs_totals t;
  superslabs_totals(&t);
  return t;
}

/* The blocks of a chain are of this class, whole, and as many as it says. */
static void check_chain(struct chain chain, uint32_t cls) {
  uint32_t count = 0;
  for (const struct block *block = chain.head; block != BLOCK_END; block = block_next(block), count++) {
    const struct slab *slab = directory_slab(block);
    cr_assert_not_null(slab);
    cr_assert_eq(slab->cls, cls);
    cr_assert_eq(slab_block_of(slab, block), (void *)(uintptr_t)block);
    cr_assert_eq(directory_class_at(block), cls);
  }
  cr_assert_eq(count, chain.count);
}

static struct slab *take(uint32_t units) {
  bool zeroed;
  struct units_refusal refusal;
  struct slab *slab = units_large_alloc(units * UNIT_SIZE, &zeroed, &refusal);
  cr_assert_not_null(slab);
  return slab;
}

static void *other_thread(void *mine) {
  struct superslab *const ss = take(4)->home;
  cr_assert_neq(ss, mine);
  cr_assert_eq(take(1)->home, ss);
  return ss;
}

Test(shared_pool, a_thread_takes_from_the_superslab_that_it_took_from_last) {
  config.ss_size = 0; /* 512 KiB: 8 units */
  struct superslab *const mine = take(3)->home;
  cr_assert_eq(take(2)->home, mine);
  pthread_t thread;
  void *others;
  cr_assert_eq(pthread_create(&thread, NULL, other_thread, mine), 0);
  pthread_join(thread, &others);
  cr_assert_eq(take(1)->home, mine, "though the one that came last stands first");
  cr_assert_eq(take(2)->home, mine);
  cr_assert_eq(take(1)->home, (struct superslab *)others, "and from another's before a new one comes");
  cr_assert_eq(totals().active, 2);
}

#define SMALL 3u

static void *takes_of_its_own(void *others) {
  pool_taker = &others;
  const struct slab *const slab = directory_slab(others);
  struct pool_answer answer = pool_refill(SMALL, 5, true);
  cr_assert_neq(answer.source, REFILL_BATCH, "though the other thread has given one");
  struct slab *const mine = directory_slab(answer.chain.head);
  cr_assert_neq(mine, slab, "though that one has room");
  answer = pool_refill(SMALL, 5, true);
  cr_assert_eq(answer.source, REFILL_PARTIAL);
  cr_assert_eq(directory_slab(answer.chain.head), mine);
  return mine;
}

Test(shared_pool, small_blocks_of_two_threads_lie_apart) {
  pool_taker = &(int){0};
  const struct chain batch = pool_refill(SMALL, 5, true).chain;
  struct slab *const mine = directory_slab(batch.head);
  cr_assert_eq(pool_give_batch(SMALL, batch, POOL_OWN).chain.count, 0);
  pthread_t thread;
  void *others;
  cr_assert_eq(pthread_create(&thread, NULL, takes_of_its_own, batch.head), 0);
  pthread_join(thread, &others);
  cr_assert_eq(pool_refill(SMALL, 5, true).chain.head, batch.head);
  const struct pool_answer answer = pool_refill(SMALL, 5, true);
  cr_assert_eq(directory_slab(answer.chain.head), mine, "though the other thread's stands first");
  cr_assert(pool_is_valid());
}

static void *takes_what_others_gave(void *head) {
  pool_taker = &head;
  cr_assert_eq(pool_refill(SMALL, 5, true).chain.head, head);
  return NULL;
}

/* Gives `count` batches, and lets another thread take the last one. */
static void give_to_another(int count, enum pool_from from) {
  struct chain given[8];
  pool_taker = &given;
  for (int i = 0; i < count; i++) given[i] = pool_refill(SMALL, 5, true).chain;
  for (int i = 0; i < count; i++) cr_assert_eq(pool_give_batch(SMALL, given[i], from).chain.count, 0);
  pthread_t thread;
  cr_assert_eq(pthread_create(&thread, NULL, takes_what_others_gave, given[count - 1].head), 0);
  pthread_join(thread, NULL);
}

Test(shared_pool, foreign_batches_are_anyones) { give_to_another(1, POOL_FOREIGN); }
Test(shared_pool, if_no_more_batches_have_a_place_they_are_anyones) { give_to_another(4, POOL_OWN); }

Test(shared_pool, first_a_fresh_superslab_then_partial_then_fresh_slabs) {
  const uint32_t cls = 30;
  const struct superslabs_totals before = totals();
  struct pool_answer answer = pool_refill(cls, 10, true);
  cr_assert_eq(answer.source, before.free_units == 0 ? REFILL_FRESH_SUPERSLAB : REFILL_FRESH_SLAB);
  cr_assert_eq(answer.chain.count, 10);
  check_chain(answer.chain, cls);
  const uint64_t capacity = usage(cls).capacity;
  for (uint64_t got = 10; got < capacity; got += answer.chain.count) {
    answer = pool_refill(cls, 10, true);
    cr_assert_eq(answer.source, REFILL_PARTIAL);
    check_chain(answer.chain, cls);
  }
  cr_assert_eq(usage(cls).used, capacity);
  answer = pool_refill(cls, 10, true);
  cr_assert_eq(answer.source, REFILL_FRESH_SLAB);
  cr_assert_eq(usage(cls).slabs, 2);
}

Test(shared_pool, batches_are_handed_on_whole_newest_first) {
  const uint32_t cls = 12;
  struct chain given[3];
  for (int i = 0; i < 3; i++) {
    given[i] = pool_refill(cls, 20, true).chain;
    cr_assert_eq(given[i].count, 20);
  }
  for (int i = 0; i < 3; i++) cr_assert_eq(pool_give_batch(cls, given[i], POOL_OWN).chain.count, 0);
  cr_assert_eq(usage(cls).batched, 60);
  for (int i = 2; i >= 0; i--) {
    const struct pool_answer answer = pool_refill(cls, 1, true);
    cr_assert_eq(answer.source, REFILL_BATCH);
    cr_assert_eq(answer.chain.head, given[i].head);
    cr_assert_eq(answer.chain.count, 20);
  }
  cr_assert_eq(usage(cls).batched, 0);
}

Test(shared_pool, a_batch_for_which_there_is_no_place_is_returned_itself) {
  const uint32_t cls = 12;
  struct chain given[64];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < 64; i++) given[i] = pool_refill(cls, 5, true).chain;
  for (uint32_t i = 0; i < 64; i++) {
    const struct chain out = pool_give_batch(cls, given[i], POOL_OWN).chain;
    if (out.count == 0) kept++;
    else cr_assert_eq(out.head, given[i].head);
  }
  cr_assert(kept >= 2 && kept < 64);
  cr_assert_eq(usage(cls).batched, 5 * kept);
}

/* Gives `count` batches, as if each `threads`th one came from the same thread. Returns how many were kept. */
static uint32_t kept_of(uint32_t count, uint32_t threads) {
  static const char takers[100];
  const uint32_t cls = 12;
  struct chain given[100];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) given[i] = pool_refill(cls, 2, true).chain;
  for (uint32_t i = 0; i < count; i++) {
    pool_taker = &takers[i % threads];
    kept += pool_give_batch(cls, given[i], POOL_OWN).chain.count == 0;
  }
  cr_assert_eq(usage(cls).batched, 2 * kept);
  cr_assert(pool_is_valid());
  return kept;
}

Test(shared_pool, a_class_keeps_four_batches_of_a_thread) { cr_assert_eq(kept_of(20, 1), 4); }
Test(shared_pool, a_class_keeps_a_batch_for_each_thread) { cr_assert_eq(kept_of(20, 10), 10); }
Test(shared_pool, a_class_keeps_64_batches_at_most) { cr_assert_eq(kept_of(100, 100), 64); }
Test(shared_pool, a_class_keeps_four_batches_if_a_soft_limit_is_set) {
  soft_limit_set(1u << 30);
  cr_assert_eq(kept_of(20, 10), 4);
}

/* Those of threads that rest or have ended serve the others. */
Test(shared_pool, batches_beyond_four_are_anyones) {
  const uint32_t small = 12;
  cr_assert_eq(kept_of(12, 10), 10);
  for (uint32_t left = 10; left > 4; left--) cr_assert_eq(pool_refill(small, 2, true).source, REFILL_BATCH);
  cr_assert_eq(usage(small).batched, 8);
  cr_assert(pool_is_valid());
}

Test(shared_pool, foreign_batches_may_be_three_quarters_of_what_is_in_use) {
  const uint32_t cls = 12, count = 40;
  struct chain given[40];
  for (uint32_t i = 0; i < count; i++) given[i] = pool_refill(cls, 5, true).chain;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    const struct chain out = pool_give_batch(cls, given[i], POOL_FOREIGN).chain;
    if (out.count == 0) kept++;
    else cr_assert_eq(out.head, given[i].head, "it is returned itself");
  }
  cr_assert_eq(kept, count * 3 / 4);
  cr_assert_eq(usage(cls).batched, 5 * kept);
  cr_assert(pool_is_valid());
  cr_assert_eq(pool_refill(cls, 1, true).chain.head, given[kept - 1].head);
  cr_assert_eq(pool_give_batch(cls, given[kept], POOL_OWN).chain.head, given[kept].head);
}

/* After a burst, they would keep its memory for as long as the class is in use. */
Test(shared_pool, foreign_batches_that_no_refill_needed_are_returned) {
  const uint32_t cls = 12, count = 40, used = 3;
  struct chain given[40];
  config.release_delay = 1000000; /* the class is in use all the time */
  for (uint32_t i = 0; i < count; i++) given[i] = pool_refill(cls, 5, true).chain;
  for (uint32_t i = 0; i < 20; i++) cr_assert_eq(pool_give_batch(cls, given[i], POOL_FOREIGN).chain.count, 0);
  pool_scavenge_class(cls, false, os_now_ms(), give_back);
  cr_assert_eq(usage(cls).batched, 100, "all are new");
  for (uint32_t i = 0; i < used; i++) given[i] = pool_refill(cls, 5, true).chain;
  for (uint32_t i = 0; i < used; i++) cr_assert_eq(pool_give_batch(cls, given[i], POOL_FOREIGN).chain.count, 0);
  pool_scavenge_class(cls, false, os_now_ms(), give_back);
  cr_assert_eq(usage(cls).batched, 5 * used);
  cr_assert(pool_is_valid());
  cr_assert_eq(pool_refill(cls, 1, true).chain.head, given[used - 1].head, "the newest stay");
}

/* The batches of a thread that has ended, or that rests, do not wait for it while other threads use the class. */
Test(shared_pool, batches_that_no_refill_needed_are_returned) {
  pool_taker = &(int){0};
  const struct chain left[2] = {pool_refill(SMALL, 5, true).chain, pool_refill(SMALL, 6, true).chain};
  for (int i = 0; i < 2; i++) cr_assert_eq(pool_give_batch(SMALL, left[i], POOL_OWN).chain.count, 0);
  pool_taker = &(int){1};
  const struct chain used = pool_refill(SMALL, 7, true).chain;
  cr_assert_eq(pool_give_batch(SMALL, used, POOL_OWN).chain.count, 0);
  pool_scavenge_class(SMALL, false, os_now_ms(), give_back);
  cr_assert_eq(usage(SMALL).batched, 5 + 6 + 7, "they may be needed yet");
  cr_assert_eq(pool_refill(SMALL, 7, true).chain.head, used.head);
  cr_assert_eq(pool_give_batch(SMALL, used, POOL_OWN).chain.count, 0);
  pool_scavenge_class(SMALL, false, os_now_ms(), give_back);
  cr_assert_eq(usage(SMALL).batched, 7, "this one was in use meanwhile");
  cr_assert_eq(pool_refill(SMALL, 7, true).chain.head, used.head);
  cr_assert(pool_is_valid());
}

/* A program that turns to another size does not leave the batches of each size behind. */
Test(shared_pool, batches_of_sizes_that_are_no_longer_in_use_are_returned) {
  const uint32_t first = 40, end = 60, used = 30;
  for (uint32_t cls = first; cls < end; cls++) {
    struct chain given[4];
    for (int i = 0; i < 4; i++) given[i] = pool_refill(cls, 12, true).chain;
    for (int i = 0; i < 4; i++) cr_assert_eq(pool_give_batch(cls, given[i], POOL_OWN).chain.count, 0);
  }
  uint32_t next = first, returned = 0;
  for (uint32_t i = 0; i < 2000; i++) {
    const struct pool_overflow old = pool_give_batch(used, pool_refill(used, 60, true).chain, POOL_OWN);
    if (old.chain.count == 0) continue;
    cr_assert(old.cls == next || old.cls == next + 1, "the oldest first, not %u", old.cls);
    next = old.cls;
    give_back(old.cls, old.chain, false);
    returned++;
  }
  cr_assert(returned >= 4, "only %u batches of %u", returned, 4 * (end - first));
  cr_assert_lt(next, end - 1, "a little may stay");
  cr_assert(pool_is_valid());
}

/* If the pool cannot have a fresh slab, it does not refuse yet: the thread gets another thread's batch, and then blocks of that one's slab. */
Test(shared_pool, if_no_memory_is_left_all_is_anyones) {
  config.ss_limit = totals().active + 1;
  const struct chain given = pool_refill(SMALL, 5, true).chain;
  pool_taker = &(int){0};
  cr_assert_eq(pool_give_batch(SMALL, given, POOL_OWN).chain.count, 0);
  while (units_acquire(1).slab != NULL) continue;
  pool_taker = &(int){1};
  struct pool_answer answer = pool_refill(SMALL, 5, true);
  cr_assert_eq(answer.source, REFILL_BATCH);
  cr_assert_eq(answer.chain.head, given.head);
  answer = pool_refill(SMALL, 5, true);
  cr_assert_eq(answer.source, REFILL_PARTIAL);
  cr_assert_eq(answer.chain.count, 5);
  cr_assert_eq(directory_slab(answer.chain.head), directory_slab(given.head));
  check_chain(answer.chain, SMALL);
}

Test(shared_pool, returned_blocks_empty_their_slabs) {
  const uint32_t cls = 60;
  struct chain all = CHAIN_EMPTY;
  for (int i = 0; i < 30; i++) {
    struct chain chain = pool_refill(cls, 50, true).chain;
    check_chain(chain, cls);
    while (chain.count > 0) {
      struct block *block = chain.head;
      chain.head = block_next(block);
      chain.count--;
      chain_push(&all, block);
    }
  }
  const struct pool_usage full = usage(cls);
  cr_assert_eq(full.used, all.count);
  cr_assert_gt(full.slabs, 3);
  const uint32_t free_before = totals().free_units;
  const uint32_t touched = give_back(cls, all, true);
  cr_assert_geq(touched, full.slabs);
  const struct pool_usage empty = usage(cls);
  cr_assert(empty.used == 0 && empty.slabs == 0 && empty.capacity == 0 && empty.bytes == 0);
  cr_assert_eq(totals().free_units, free_before + full.slabs * class_slab_units(cls));
}

Test(shared_pool, without_a_trim_one_empty_slab_is_kept) {
  struct chain chain = pool_refill(20, 5, true).chain;
  give_back(20, chain, false);
  cr_assert(usage(20).slabs == 1 && usage(20).used == 0);
  cr_assert_eq(pool_refill(20, 5, true).source, REFILL_PARTIAL);
}

Test(shared_pool, large_blocks_are_runs_of_units) {
  for (size_t size = 1; size <= units_large_max(); size = size * 3 + 1000) {
    bool zeroed = false;
    struct units_refusal refusal;
    struct slab *slab = units_large_alloc(size, &zeroed, &refusal);
    cr_assert_not_null(slab);
    cr_assert(slab->size >= size && slab->size < size + UNIT_SIZE && slab->requested == size && slab->cls == CLASS_LARGE);
    cr_assert_eq(directory_slab(slab->base), slab);
    cr_assert_eq(directory_code(&directory, slab->base), CODE_LARGE);
    const char *base = slab->base;
    for (size_t i = 0; zeroed && i < size; i++) cr_assert_eq(base[i], 0);
    memset(slab->base, 0xee, slab->size);
    units_large_free(slab);
    cr_assert_null(directory_slab(base));
  }
  bool zeroed = true;
  struct units_refusal refusal;
  cr_assert_not_null(units_large_alloc(1, &zeroed, &refusal));
  cr_assert_not(zeroed, "its unit was used before");
}

Test(shared_pool, the_limit_refuses) {
  config.ss_limit = totals().active + 2;
  const uint32_t most = config.ss_limit;
  struct slab *slabs[64];
  uint32_t count = 0;
  bool zeroed;
  struct units_refusal refusal = {.reason = FAIL_OS_ENOMEM};
  while (count < 64 && (slabs[count] = units_large_alloc(units_large_max(), &zeroed, &refusal)) != NULL) count++;
  cr_assert_leq(count, most * 2);
  cr_assert_geq(count, 3);
  cr_assert_eq(refusal.reason, FAIL_LIMIT);
  cr_assert_eq(totals().active, most);
  while (totals().free_units > 0) cr_assert_not_null(units_large_alloc(1, &zeroed, &refusal));
  const struct pool_answer answer = pool_refill(3, 10, true);
  cr_assert_eq(answer.chain.count, 0);
  cr_assert_eq(answer.refusal.reason, FAIL_LIMIT);
  units_large_free(slabs[0]);
  cr_assert_neq(pool_refill(3, 10, true).chain.count, 0, "there is room again");
}

Test(shared_pool, a_trim_gives_empty_superslabs_back) {
  struct slab *slabs[20];
  bool zeroed;
  struct units_refusal refusal;
  for (int i = 0; i < 20; i++) {
    slabs[i] = units_large_alloc(units_large_max(), &zeroed, &refusal);
    memset(slabs[i]->base, 1, slabs[i]->size);
  }
  const struct superslabs_totals full = totals();
  cr_assert_geq(full.active, 10);
  for (int i = 0; i < 20; i++) units_large_free(slabs[i]);
  cr_assert_geq(totals().dirty_bytes, 20 * units_large_max());
  const size_t one = config_superslab_size();
  cr_assert_gt(pool_trim(3 * one, give_back), 0);
  cr_assert_geq(totals().active, 3);
  cr_assert_leq(totals().active, full.active - 6);
  cr_assert_eq(totals().dirty_bytes, 0, "what stays is purged");
  pool_trim(0, give_back);
  cr_assert_leq(totals().active, full.active - 9);
  cr_assert_eq(totals().mapped, totals().active * one);
}

enum { TAIL_CLASS = 40, TAIL_SLABS = 50 };
static uint32_t tails, meanwhile_wrong, child_wrong;

/* Another thread forks: in its child no thread is at work on a tail, and no slab waits for the end of it. */
static void *fork_meanwhile(void *arg) {
  const struct slab *slab = arg;
  const pid_t pid = fork();
  if (pid == 0) {
    pool_trim(0, give_back);
    _exit(usage(TAIL_CLASS).used == TAIL_SLABS && slab_used(slab) == 1 && slab_room(slab) == slab->capacity - 2 ? 0 : 1);
  }
  int status = 1;
  child_wrong += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
  return NULL;
}

/* While a tail is purged its blocks are gone. */
static void on_purge(const struct event_os_purge *e) {
  const struct slab *slab = directory_slab(e->base);
  if (slab == NULL || slab->cls != TAIL_CLASS) return;         /* units */
  const char *first = slab->base + slab->first + slab->stride; /* the first block stays, and the next one for its header */
  for (uint32_t i = 1; i + 1 < slab->capacity; i++) {
    const char *p = first + (size_t)i * slab->stride;
    meanwhile_wrong += slab_block_of(slab, p) != NULL || !slab_was_block(slab, p);
  }
  meanwhile_wrong += slab_used(slab) != 2 || slab_room(slab) != 0;
  if (tails++ % 20 != 0) return;
  pthread_t other;
  child_wrong += pthread_create(&other, NULL, fork_meanwhile, (void *)slab) != 0 || pthread_join(other, NULL) != 0;
}

Test(shared_pool, a_trim_purges_every_tail, .timeout = 60) {
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .os_purge = on_purge};
  struct chain keep = CHAIN_EMPTY, rest = CHAIN_EMPTY;
  while (usage(TAIL_CLASS).slabs < TAIL_SLABS || usage(TAIL_CLASS).used < usage(TAIL_CLASS).capacity) {
    struct block *block = pool_refill(TAIL_CLASS, 1, false).chain.head;
    const struct slab *slab = directory_slab(block);
    chain_push((char *)block == slab->base + slab->first ? &keep : &rest, block);
  }
  give_back(TAIL_CLASS, rest, false);
  cr_assert_eq(keep.count, TAIL_SLABS);
  cr_assert_eq(usage(TAIL_CLASS).used, TAIL_SLABS);
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  cr_assert_gt(pool_trim(0, give_back), 0);
  cr_assert_eq(tails, TAIL_SLABS);
  cr_assert_eq(meanwhile_wrong, 0);
  cr_assert_eq(child_wrong, 0);
  cr_assert_eq(usage(TAIL_CLASS).used, TAIL_SLABS);
  pool_trim(0, give_back);
  cr_assert_eq(tails, TAIL_SLABS, "none of them again");
}

static struct slab *freed_meanwhile;
static const char *mapped_base;

static void on_map(const struct event_os_map *e) {
  if (e->size != config_superslab_size() + 2 * os_page_size()) return; /* with a page on either side */
  mapped_base = (const char *)e->base + os_page_size();
  if (freed_meanwhile != NULL) units_large_free(freed_meanwhile);
  freed_meanwhile = NULL;
}

/* Otherwise it could be unmapped before its event is raised: another thread may release empty SuperSlabs. */
Test(shared_pool, a_new_superslab_is_in_use_from_the_start) {
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink), .os_map = on_map};
  const size_t half = units_large_max();
  bool zeroed;
  struct units_refusal refusal;
  cr_assert_eq(hak_event_sink_attach(&sink), 0);
  freed_meanwhile = units_large_alloc(half, &zeroed, &refusal);
  cr_assert_not_null(freed_meanwhile);
  struct slab *other = units_large_alloc(half, &zeroed, &refusal);
  struct slab *slab = units_large_alloc(half, &zeroed, &refusal);
  cr_assert_eq(slab->home->base, mapped_base);
  cr_assert_neq(slab->home, other->home);
  cr_assert_eq(totals().active, 2);
}

/* 300 of them: more than one descriptor has the list of the others. */
Test(shared_pool, descriptors_are_used_again_and_rest_meanwhile) {
  enum { MANY = 300 };
  static struct slab *slabs[2 * MANY];
  const size_t before = os_metadata_used();
  size_t full = 0;
  bool zeroed;
  struct units_refusal refusal;
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 2 * MANY; i++) cr_assert_not_null(slabs[i] = units_large_alloc(units_large_max(), &zeroed, &refusal));
    if (round == 0) full = os_metadata_used();
    cr_assert_eq(os_metadata_used(), full, "round %d", round);
    cr_assert_geq(full - before, (size_t)(MANY - 1) * superslab_descriptor_size(config_superslab_size()));
    for (int i = 0; i < 2 * MANY; i++) units_large_free(slabs[i]);
    pool_trim(0, give_back);
    cr_assert_leq(os_metadata_used(), before);
  }
}

Test(shared_pool, nothing_is_released_before_the_delay) {
  config.release_delay = 1000000;
  bool zeroed;
  struct units_refusal refusal;
  struct slab *slab = units_large_alloc(units_large_max(), &zeroed, &refusal);
  memset(slab->base, 1, slab->size);
  units_large_free(slab);
  cr_assert_eq(units_scavenge(false, 0, os_now_ms()), 0);
  config.release_delay = 0;
  cr_assert_gt(units_scavenge(false, 0, os_now_ms()), 0);
}

enum { THREADS = 4, ROUNDS = 3000 };
static uint64_t owners; /* blocks that two threads had at once */

/* Each thread writes its name into the blocks that it has; no other thread may. */
static void *take_and_give(void *arg) {
  const uint64_t name = (uintptr_t)arg + 1;
  uint64_t random = name;
  for (int i = 0; i < ROUNDS; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const uint32_t cls = 10 + (uint32_t)(random >> 60);
    struct chain chain = pool_refill(cls, 1 + (uint32_t)(random >> 33) % 40, true).chain;
    for (struct block *b = chain.head; b != BLOCK_END; b = block_next(b)) ((uint64_t *)b)[1] = name;
    for (struct block *b = chain.head; b != BLOCK_END; b = block_next(b)) {
      if (((uint64_t *)b)[1] != name) __atomic_fetch_add(&owners, 1, __ATOMIC_RELAXED);
    }
    struct pool_overflow left = {cls, chain};
    if (i % 3 == 0) left = pool_give_batch(cls, chain, i % 2 == 0 ? POOL_OWN : POOL_FOREIGN);
    if (left.chain.count > 0) give_back(left.cls, left.chain, i % 50 == 0);
    if (i % 200 == 0) pool_trim(0, give_back);
  }
  return NULL;
}

Test(shared_pool, threads_share_it) {
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, take_and_give, (void *)i);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(owners, 0);
  pool_trim(0, give_back);
  for (uint32_t cls = 10; cls < 26; cls++) cr_assert_eq(usage(cls).used, 0, "class %u", cls);
}

Test(shared_pool, a_superslab_lies_between_pages_that_cannot_be_touched) {
  const size_t before = os_mapped();
  struct slab *slab = take(1);
  const struct superslab *ss = slab->home;
  const char *const base = ss->base, *const end = base + ss->size;
  cr_assert(ss->apart && can_touch(base) && can_touch(end - 1));
  cr_assert(!can_touch(base - 1) && !can_touch(end));
  cr_assert_geq(os_mapped(), before + ss->size + 2 * os_page_size());
  units_give(slab);
  units_scavenge(true, 0, os_now_ms());
  cr_assert(!can_touch(base) && !can_touch(base - 1) && !can_touch(end), "the pages are unmapped, too");
}
