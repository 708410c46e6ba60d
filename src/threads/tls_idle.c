/*
 * Collects the lists of threads that have not entered their slow paths for a while. Their free blocks are of no use, and a thread that sleeps does
 * not return them. This costs the fast paths no instruction.
 *
 * The collecting thread first claims the lists, then replaces their budgets by BUDGET_CLAIMED. Between its steps, all other threads pass a memory
 * barrier (os_barrier). Meanwhile, the owner may be anywhere:
 *
 *   in its slow path                       `busy` says so: its lists are left alone. Later, it waits at the claim (sll_hold).
 *   before the step of a budget            the step finds the budget used up, so the owner enters the slow path, and waits.
 *   between that step and the new head     the list is a block longer or shorter than the budgets say: it is left alone.
 *   behind the new head                    the list is whole.
 *
 * The step is one instruction. An owner that runs at the same time can overwrite BUDGET_CLAIMED with it; the second barrier makes that visible. A thread
 * that is on a processor is not idle, so its list is left alone.
 *
 * An owner before its step may be about to read the header of the former head. That memory may be purged or reused, which does the step no harm, but it
 * must stay mapped. So the SuperSlab is pinned until the owner enters its slow path. A list that begins in a slab of legacy is left alone.
 *
 * A claim is like a lock: events and system calls wait until no claim is held, so the blocks are returned after it.
 */
#include "tls_idle.h"

#include "memory/os.h"
#include "platform/lock.h"
#include "slabs/directory.h"
#include "slabs/superslabs.h"
#include "tls_budget.h"
#include "tls_drain.h"
#include "checker_hooks.h"
#include "probe.h"

#define CLAIMS_MOST 32u /* at once: an owner that wakes up waits until all of them are done */

/* One thread collects at a time: this is its lock_mark, 0 for none; atomic. */
static uint32_t collecting;

/* Used by that thread only. */
static struct {
  struct sll_budget left[CLASS_COUNT]; /* the budgets of the claimed lists, which BUDGET_CLAIMED replaces */
  struct chain found[CLASS_COUNT];     /* the blocks of all claimed lists */
  uint32_t round;                      /* each list is visited once in a round */
} collected BULK;

/* A thread that was collecting does not exist in the child, unless its own signal handler forked. The blocks that it had collected are lost. */
void sll_idle_fork_child(void) {
  if (collecting == lock_mark()) return;
  collecting = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) collected.found[cls] = CHAIN_EMPTY;
}

/* ---- The owner. ---- */

static int32_t step_under_way(int32_t budget) { return budget < BUDGET_CLAIMED ? -1 : 0; }

/* Claimed budgets count as used up. A step on one, which led into the slow path, still counts as one operation. */
static void come_back(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct sll_state *state = &cache->state[cls];
    struct sll_budget *budget = &cache->budget[cls];
    if (state->alloc_armed == BUDGET_CLAIMED) {
      budget->alloc = step_under_way(budget->alloc);
      state->alloc_armed = 0;
    }
    if (state->free_armed == BUDGET_CLAIMED) {
      budget->free = step_under_way(budget->free);
      state->free_armed = 0;
    }
    if (state->pinned != NULL) superslabs_unpin(state->pinned);
    state->pinned = NULL;
  }
  cache->pace = 1;
  __atomic_store_n(&cache->claim, CLAIM_NONE, __ATOMIC_RELEASE);
}

void sll_wait(struct sll_cache *cache) {
  uint32_t claim;
  while ((claim = __atomic_load_n(&cache->claim, __ATOMIC_ACQUIRE)) == CLAIM_HELD || claim == CLAIM_AWAITED) {
    if (claim == CLAIM_HELD && !__atomic_compare_exchange_n(&cache->claim, &claim, CLAIM_AWAITED, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
    os_wait(&cache->claim, CLAIM_AWAITED);
  }
  if (claim == CLAIM_COLLECTED) come_back(cache);
}

/* ---- The thread that collects. ---- */

static void end_claim(struct sll_cache *cache, enum sll_claim claim) {
  if (__atomic_exchange_n(&cache->claim, claim, __ATOMIC_RELEASE) == CLAIM_AWAITED) os_wake(&cache->claim);
}

static bool is_claimed(const int32_t *budget) { return __atomic_load_n(budget, __ATOMIC_RELAXED) <= BUDGET_CLAIMED / 2; }

static void claim_budgets(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    collected.left[cls].alloc = __atomic_exchange_n(&cache->budget[cls].alloc, BUDGET_CLAIMED, __ATOMIC_RELAXED);
    collected.left[cls].free = __atomic_exchange_n(&cache->budget[cls].free, BUDGET_CLAIMED, __ATOMIC_RELAXED);
  }
}

/* Counts the owner's operations. False if the owner is active: it has overwritten one of the claimed budgets. */
static bool count_claimed(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const struct sll_budget *left = &collected.left[cls];
  const bool allocs = is_claimed(&cache->budget[cls].alloc), frees = is_claimed(&cache->budget[cls].free);
  /* A budget below 0: that operation is about to enter the slow path, which will count it. */
  const uint32_t pops = allocs ? (uint32_t)(state->alloc_armed - (left->alloc < 0 ? 0 : left->alloc)) : 0;
  const uint32_t pushes = frees ? (uint32_t)(state->free_armed - (left->free < 0 ? 0 : left->free)) : 0;
  if (allocs) state->alloc_armed = BUDGET_CLAIMED;
  if (frees) state->free_armed = BUDGET_CLAIMED;
  sll_count_for(cache, cls, pops, pushes);
  return allocs && frees;
}

/* Whether the chain has exactly `count` blocks, all of them good. *last becomes the last one. */
static bool is_whole(uint32_t cls, struct chain chain, struct block **last) {
  for (; chain.head != BLOCK_END && chain.count > 0; chain.count--, chain.head = block_next(chain.head)) {
    if (!sll_goes_on_with(cls, chain.head)) return false;
    *last = chain.head;
  }
  return chain.head == BLOCK_END && chain.count == 0;
}

/* Puts a chain whose last block is `last` in front of the blocks found before. */
static void add_found(uint32_t cls, struct chain chain, struct block *last) {
  struct chain *const found = &collected.found[cls];
  if (found->count != 0) block_link(last, found->head);
  *found = (struct chain){chain.head, found->count + chain.count};
}

/* Takes the blocks of both lists of a class. The owner has done no step since the budgets were claimed. A broken list stays: its owner will report it. */
static void take(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const struct chain list = {__atomic_load_n(&cache->head[cls], __ATOMIC_ACQUIRE), state->length};
  struct block *last;
  if (state->spare_count != 0 && is_whole(cls, (struct chain){state->spare, state->spare_count}, &last)) add_found(cls, sll_take_spare(cache, cls), last);
  if (list.count == 0 || !is_whole(cls, list, &last)) return;
  const struct slab *slab = directory_slab(list.head);
  if (slab == NULL || slab->home == NULL) return;
  superslabs_pin(slab->home);
  state->pinned = slab->home;
  add_found(cls, sll_take_list(cache, cls), last);
}

/* Takes the blocks of the lists. `certain`: the barrier worked, so the owner's state is known. Stops if the owner waits for the lists. */
static void take_all(struct sll_cache *cache, bool certain) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const bool rests = count_claimed(cache, cls) && certain;
    if (!rests || __atomic_load_n(&cache->claim, __ATOMIC_RELAXED) == CLAIM_AWAITED) continue;
    take(cache, cls);
    sll_begin_again(cache, cls);
  }
  sll_give_share(cache);
}

static void collect_from(struct sll_cache *cache) {
  if (__atomic_load_n(&cache->busy, __ATOMIC_ACQUIRE) != 0) {
    end_claim(cache, CLAIM_NONE);
    return;
  }
  claim_budgets(cache);
  take_all(cache, os_barrier());
  end_claim(cache, CLAIM_COLLECTED);
}

static void give_back(uint32_t cls, enum drain_reason reason) {
  const struct chain chain = collected.found[cls];
  if (chain.count == 0) return;
  collected.found[cls] = CHAIN_EMPTY;
  sll_send(cls, &(struct sll_drained){reason, POOL_OWN, chain.count, hub_ticks(), chain, CHAIN_EMPTY});
}

/* Collects from the next few threads that rest. False if there is none, or if the kernel has no membarrier. */
static bool collect_some(uint64_t before_ms, enum drain_reason reason) {
  struct sll_cache *claimed = sll_claim_idle(before_ms, collected.round, CLAIMS_MOST);
  const bool can = claimed != NULL && os_barrier();
  for (struct sll_cache *cache = claimed, *after; cache != NULL; cache = after) {
    after = cache->after;
    if (can) collect_from(cache);
    else end_claim(cache, CLAIM_NONE);
  }
  for (uint32_t cls = 0; can && cls < CLASS_COUNT; cls++) give_back(cls, reason);
  return can;
}

void sll_collect_idle(uint64_t before_ms, enum drain_reason reason) {
  if (!SLL_CAN_COLLECT || hub_checked) return;
  uint32_t nobody = 0;
  if (!__atomic_compare_exchange_n(&collecting, &nobody, lock_mark(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
  collected.round++;
  while (collect_some(before_ms, reason) && reason == DRAIN_TRIM) {} /* otherwise a few at a time, because the calling thread has its own work */
  __atomic_store_n(&collecting, 0, __ATOMIC_RELEASE);
}
