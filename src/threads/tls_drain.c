#include "probe.h"
#include "tls_lists.h"

#include "checks/audit.h"
#include "slabs/legacy.h"
#include "slabs/shared_pool.h"

#define CUT_MAX 128u          /* a list for up to so many is cut in the middle; to walk a longer one costs more than to change it whole */
#define WHOLE_MAX 64u         /* up to so many go whole where half is idle */
#define KEPT_STRIDE (2 * KIB) /* of larger blocks, nothing waits in the lists of a thread that ended */

/* ---- Taking chains out and putting them in. ---- */

struct chain sll_take_list(struct sll_cache *cache, uint32_t cls) {
  struct chain chain = {cache->head[cls], cache->state[cls].length};
  cache->head[cls] = BLOCK_END;
  cache->state[cls].length = 0;
  return chain;
}

struct chain sll_take_spare(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const struct chain chain = state->spare_count != 0 ? (struct chain){state->spare, state->spare_count} : CHAIN_EMPTY;
  state->spare_count = 0;
  return chain;
}

void sll_put_spare(struct sll_state *state, struct chain chain) {
  state->spare = chain.head;
  state->spare_count = chain.count;
}

uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim) {
  struct chain legacy = CHAIN_EMPTY;
  uint32_t touched = 0;
  chain = audit_chain(cls, chain, AUDIT_FEW);
  while (chain.count != 0) {
    touched += pool_return_blocks(cls, &chain, &legacy, trim); /* touches each of them, and stops at a broken one */
    if (chain.count != 0) chain = audit_broken(cls, chain);
  }
  if (legacy.count != 0) {
    legacy_return_blocks(cls, legacy);
    touched++;
  }
  return touched;
}

uint32_t sll_hand_over(uint32_t cls, struct chain chain) {
  struct chain overflow = pool_give_batch(cls, audit_chain(cls, chain, AUDIT_FEW));
  return overflow.count != 0 ? sll_return_blocks(cls, overflow, false) : 0;
}

/* Cuts the list behind its first `keep` blocks, which were pushed last and are warm, and returns the rest. */
static struct chain cut_list(struct sll_cache *cache, uint32_t cls, uint32_t keep) {
  if (keep == 0) return sll_take_list(cache, cls);
  struct sll_state *state = &cache->state[cls];
  struct block *last = cache->head[cls];
  for (uint32_t i = 0; i < keep; i++) {
    struct block *const next = i == 0 ? last : block_next(last);
    if (!sll_goes_on_with(cls, next)) return CHAIN_EMPTY; /* broken in mid-list: the pop that reaches it will say so */
    last = next;
  }
  struct chain rest = {block_next(last), state->length - keep};
  if (!sll_goes_on_with(cls, rest.head)) return CHAIN_EMPTY;
  block_link(last, BLOCK_END);
  state->length = keep;
  return rest;
}

/*
 * ---- Drain. ----
 *
 * A list that is too long becomes the spare list, and the spare list that was there goes to the pool, whole. A short one keeps its warm
 * half; so the next drain or refill is half a list away whatever comes. A spare list that was not used for an interval goes to the
 * pool, too. Where the thread only frees what others allocate, the list goes at once.
 */
void sll_drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  const uint32_t before = state->length + state->spare_count;
  struct chain out = CHAIN_EMPTY;
  if (reason == DRAIN_LENGTH) {
    state->moved = true;
    if (state->takes) {
      out = sll_take_spare(cache, cls);
      sll_put_spare(state, state->most > CUT_MAX ? sll_take_list(cache, cls) : cut_list(cache, cls, state->most / 2));
    } else {
      out = sll_take_list(cache, cls);
      sll_grow_given(cache, cls);
    }
    sll_note_drain(state, out.count != 0);
    state->spare_idle = false;
  } else {
    if (state->spare_idle) out = sll_take_spare(cache, cls);
    state->since_drain = 0;
    state->spare_idle = true;
  }
  sll_arm(cache, cls);
  const uint32_t slabs = sll_hand_over(cls, out);
  if (reason == DRAIN_LENGTH && out.count == 0) return; /* nothing left the thread */
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = before, .moved = out.count, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

/* Whether the class has no block here, and nothing to publish: most classes of most threads. */
static bool at_rest(const struct sll_cache *cache, uint32_t cls) {
  const struct sll_state *state = &cache->state[cls];
  return state->length == 0 && state->spare_count == 0 && state->alloc_armed == cache->budget[cls].alloc &&
         state->free_armed == cache->budget[cls].free;
}

/* Whether the thread never had a block of the class: every word is as sll_init left it. One question, because the end of a thread asks it for each class. */
static bool is_unused(const struct sll_cache *cache, uint32_t cls) {
  const struct sll_state *state = &cache->state[cls];
  const struct sll_budget *budget = &cache->budget[cls];
  return !state->refilled && (state->length | state->spare_count | (uint32_t)(state->free_armed | state->alloc_armed | budget->alloc | budget->free)) == 0;
}

/* Empties both lists of a class: at the end of the thread into the pool, for a trim back into the slabs. */
static void drain_class(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  if (at_rest(cache, cls)) return;
  sll_publish(cache, cls);
  const uint64_t start = hub_ticks();
  struct chain list = sll_take_list(cache, cls), spare = sll_take_spare(cache, cls);
  cache->state[cls].refill = sll_lengths[cls].first; /* starts small again, or the next refill would touch as much at once */
  sll_arm(cache, cls);
  const uint32_t moved = list.count + spare.count;
  uint32_t slabs = 0;
  if (moved == 0) return;
  if (reason == DRAIN_EXIT && list.count != 0) slabs += sll_hand_over(cls, list);
  else if (list.count != 0) slabs += sll_return_blocks(cls, list, reason == DRAIN_TRIM);
  if (reason == DRAIN_EXIT) slabs += sll_hand_over(cls, spare);
  else if (spare.count != 0) slabs += sll_return_blocks(cls, spare, true);
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = moved, .moved = moved, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

static void audit_list(struct sll_cache *cache, uint32_t cls, uint32_t most) {
  const struct chain list = audit_chain(cls, sll_take_list(cache, cls), most);
  cache->head[cls] = list.head;
  cache->state[cls].length = list.count;
}

void sll_audit(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (at_rest(cache, cls)) continue;
    sll_publish(cache, cls);
    audit_list(cache, cls, UINT32_MAX);
    sll_put_spare(&cache->state[cls], audit_chain(cls, sll_take_spare(cache, cls), UINT32_MAX));
  }
}

/* What goes of the list of a thread that ended: all but the first refill of it, and all of it where that is more than KEPT_STRIDE. */
static struct chain shorten(struct sll_cache *cache, uint32_t cls) {
  const uint32_t first = sll_lengths[cls].first;
  if (class_stride(cls) > KEPT_STRIDE) return sll_take_list(cache, cls);
  audit_list(cache, cls, AUDIT_FEW);
  return cache->state[cls].length > 2 * first ? cut_list(cache, cls, first) : CHAIN_EMPTY;
}

void sll_shorten(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct sll_state *state = &cache->state[cls];
    if (is_unused(cache, cls)) continue;
    sll_publish(cache, cls);
    const uint64_t start = hub_ticks();
    const uint32_t before = state->length + state->spare_count;
    const struct chain spare = sll_take_spare(cache, cls), list = shorten(cache, cls);
    state->refill = sll_lengths[cls].first;
    sll_begin_short(cache, cls, false);
    sll_arm(cache, cls);
    const uint32_t moved = list.count + spare.count, slabs = sll_hand_over(cls, list) + sll_hand_over(cls, spare);
    if (moved == 0) continue;
    EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_EXIT, .before = before, .moved = moved, .slabs = slabs, .ticks = hub_ticks() - start);
  }
  sll_give_share(cache);
}

static void decay(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  if (at_rest(cache, cls)) return;
  sll_publish(cache, cls);
  const uint64_t start = hub_ticks();
  const uint32_t before = state->length + state->spare_count;
  const bool moved = state->moved;
  state->moved = false;
  sll_shrink(cache, cls);
  if (before == 0) {
    sll_arm(cache, cls);
    return;
  }
  const struct chain spare = sll_take_spare(cache, cls);
  struct chain cold = CHAIN_EMPTY;
  if (!moved || state->length <= WHOLE_MAX) cold = sll_take_list(cache, cls);
  else cold = cut_list(cache, cls, state->length / 2);
  state->refill = (uint16_t)(state->refill > 2 * sll_lengths[cls].first ? state->refill / 2u : sll_lengths[cls].first);
  sll_arm(cache, cls);
  if (spare.count + cold.count == 0) return;
  uint32_t slabs = 0;
  if (spare.count != 0) slabs += sll_return_blocks(cls, spare, false);
  if (cold.count != 0) slabs += sll_return_blocks(cls, cold, false);
  EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_IDLE, .before = before, .moved = spare.count + cold.count, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

void sll_decay(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) decay(cache, cls);
  sll_give_share(cache);
}

void sll_drain_all(struct sll_cache *cache, enum drain_reason reason) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) drain_class(cache, cls, reason);
}
