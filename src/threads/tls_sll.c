#include "tls_sll.h"

#include "checks/audit.h"
#include "platform/config.h"
#include "slabs/legacy/legacy.h"
#include "checks/misuse.h"
#include "shared_fail.h"
#include "slabs/pool/shared_pool.h"
#include "probe.h"

/* ---- Refill. ---- */

/* Reports what slab_take found, if anything. */
static void tell_broken(const struct broken_link *broken) {
  if (LIKELY(broken->block == NULL)) return;
  const struct pointer at = pointer_at(broken->block);
  if (at.kind == POINTER_BLOCK) misuse_link(&at, broken);
}

static struct chain refill_by_legacy(const struct sll_cache *cache, uint32_t cls, uint32_t most, const struct pool_answer *answer, uint64_t *fail_over) {
  static_assert((int)LEGACY_LIMIT == (int)FAIL_LIMIT && (int)LEGACY_OS_ENOMEM == (int)FAIL_OS_ENOMEM &&
                  (int)LEGACY_NO_ADDRESS_SPACE == (int)FAIL_NO_ADDRESS_SPACE,
                "legacy's reasons begin with shared_fail's");
  const uint32_t stack = shared_fail_raise(cache, cls, class_slab_units(cls), answer->refusal);
  *fail_over = hub_ticks();
  struct broken_link broken;
  const struct chain chain = legacy_refill(cls, most, (enum legacy_reason)answer->refusal.reason, stack, &broken);
  tell_broken(&broken);
  return chain;
}

static struct pool_answer ask_pool(uint32_t cls, uint32_t most, bool timed) {
  const struct pool_answer answer = pool_refill(cls, most, timed);
  tell_broken(&answer.broken);
  return answer;
}

/* Before the pool refuses: returns the lists that wait for a thread, and, if the kernel refused, the memory kept for huge blocks. */
static bool is_worth_asking_again(const struct pool_answer *answer) {
  const bool drained = sll_trim_ended();
  return (answer->refusal.reason != FAIL_LIMIT && legacy_scavenge(true) != 0) || drained;
}

/* Raises the event, with the time of each stage: from its beginning to that of the next one; the last one ends now. */
static void tell_refill(uint32_t cls, const struct pool_answer *answer, bool timed, uint64_t start, uint64_t fail_over) {
  const uint64_t now = hub_ticks();
  uint64_t began = start, ticks[STAGE_COUNT] = {0};
  const bool beyond = answer->over[STAGE_fresh_slab] != 0;
  unsigned stage = answer->source == REFILL_SPARE || !(timed || beyond) ? STAGE_COUNT : timed ? STAGE_batch : STAGE_fresh_slab;
  for (; stage < STAGE_COUNT; stage++) {
    const uint64_t over = stage < STAGE_shared_fail ? answer->over[stage] : stage == STAGE_shared_fail ? fail_over : 0;
    ticks[stage] = (over != 0 ? over : now) - began;
    if (over == 0) break;
    began = over;
  }
#define STAGE_TICKS(name, text) .name##_ticks = ticks[STAGE_##name],
  EVENT(tls_sll_refill, .cls = cls, .blocks = answer->chain.count, .source = answer->source, .ticks = now - start, REFILL_STAGES(STAGE_TICKS));
}

/* Makes the list's head one that can be popped. Afterwards the thread has had blocks of its own. False if no memory is left anywhere. */
static bool refill(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  const bool timed = HAKMEM_EVENTS && (cache->refills++ % STAGE_SAMPLE == 0 || sll_goes_slow());
  uint64_t fail_over = 0;
  sll_publish(cache, cls);
  /*
   * Before its first refill, the thread holds only other threads' blocks, and those threads still use the neighbours. It does not begin
   * with them: otherwise it would share cache lines with those threads for as long as it lives.
   */
  const bool given = state->use == USE_GIVEN;
  const struct chain foreign = given ? sll_take_list(cache, cls) : CHAIN_EMPTY;
  struct pool_answer answer = {.chain = given ? CHAIN_EMPTY : sll_take_spare(cache, cls), .source = REFILL_SPARE};
  if (state->use != USE_TAKEN) {
    state->use = USE_TAKEN;
    sll_begin_short(cache, cls);
  }
  state->moved = true;
  state->spare_idle = false;
  answer.chain = audit_chain(cls, answer.chain, AUDIT_FEW);
  if (answer.chain.count == 0) {
    answer = ask_pool(cls, state->refill, timed);
    if (answer.chain.count == 0 && is_worth_asking_again(&answer)) answer = ask_pool(cls, state->refill, timed);
    if (answer.chain.count == 0) {
      answer.chain = refill_by_legacy(cache, cls, state->refill, &answer, &fail_over);
      answer.source = REFILL_LEGACY;
    }
    if (answer.chain.count == 0 && foreign.count == 0) return false;
    sll_grow_at_refill(cache, cls);
  }
  /* A sink may have called malloc or free meanwhile, and left a list; it may do so again while that one is handed over. */
  for (sll_publish(cache, cls); state->length != 0; sll_publish(cache, cls)) sll_hand_over(cls, sll_take_list(cache, cls), POOL_OWN);
  if (foreign.count != 0) sll_hand_over(cls, sll_take_spare(cache, cls), POOL_OWN);
  if (answer.chain.count == 0) answer.chain = foreign, answer.source = REFILL_SPARE; /* better than nothing */
  else if (foreign.count != 0) sll_put_spare(state, foreign);
  cache->head[cls] = answer.chain.head;
  state->length = answer.chain.count;
  sll_arm(cache, cls);
  tell_refill(cls, &answer, timed, start, fail_over);
  return true;
}

/* ---- One operation. It counts itself by a step of the budget, unless the fast path has done that step. ---- */

/* Pops the head, which can be popped, and makes it live. */
static struct block *pop(struct sll_cache *cache, uint32_t cls) {
  struct block *block = cache->head[cls];
  cache->head[cls] = block_next(block);
  header_set(block, cache->live[cls]);
  if (cache->budget[cls].alloc >= 0) cache->budget[cls].alloc--;
  sll_count(cache, cls);
  sll_arm_allocs(cache, cls);
  return block;
}

void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block) {
  struct sll_state *state = &cache->state[cls];
  block_link(block, cache->head[cls]);
  cache->head[cls] = block;
  if (cache->budget[cls].free >= 0) cache->budget[cls].free--;
  else sll_grow_at_push(cache, cls);
  sll_count(cache, cls);
  if (state->length >= state->most) sll_drain(cache, cls, DRAIN_LENGTH);
  else if (config.drain_interval != 0 && state->since_drain >= config.drain_interval) sll_drain(cache, cls, DRAIN_INTERVAL);
  else sll_arm(cache, cls);
}

void sll_abandon(struct sll_cache *cache, uint32_t cls) {
  sll_publish(cache, cls);
  cache->operations++;
  hub_count(cls, 0, 1);
  sll_arm(cache, cls);
}

/* ---- Take. ---- */

/*
 * The head of the list has a wrong header or link. The list is taken out, the head reported, and the rest put back. Meanwhile, a sink of the report may
 * have used the empty list.
 */
static void drop_head(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  sll_publish(cache, cls);
  const struct chain list = sll_take_list(cache, cls);
  const uint32_t behind = list.count > 1 ? list.count - 1 : 0;
  sll_arm(cache, cls);
  struct block *const rest = audit_drop(cls, list.head, behind);
  if (rest == BLOCK_END || behind == 0) return;
  for (sll_publish(cache, cls); state->length != 0; sll_publish(cache, cls)) sll_hand_over(cls, sll_take_list(cache, cls), POOL_OWN);
  cache->head[cls] = rest;
  state->length = behind;
  sll_arm(cache, cls);
}

struct block *sll_take(struct sll_cache *cache, uint32_t cls) {
  for (;;) {
    const struct block *head = cache->head[cls];
    if (head != BLOCK_END && (!block_can_pop(head) || block_next(head) == LINK_BROKEN)) drop_head(cache, cls);
    else if (head != BLOCK_END && cache->state[cls].use != USE_GIVEN) return pop(cache, cls);
    else if (!refill(cache, cls)) return NULL;
  }
}
