#include "tls_drain.h"

#include "checks/audit.h"
#include "slabs/legacy/legacy.h"
#include "tls_budget.h"
#include "probe.h"

#define CUT_MAX 128u          /* a list up to this length is cut in the middle: walking a longer one costs more than moving it whole */
#define WHOLE_MAX 64u         /* an idle list up to this length leaves whole, not by half */
#define BUSY_TIMES 4u         /* a list with this many operations a block since its last decay is busy */
#define LOOKED_AT 8u          /* classes, in search of an old list, at a drain of a list that was too long, */
#define LOOK_KIB 64u          /* if so much was drained since the last one */
#define AGE_TIMES 4u          /* a list is old if its thread has drained this many times what all its lists hold since the list was used, */
#define AGE_LEAST (4 * MIB)   /* and this much */
#define KEPT_STRIDE (2 * KIB) /* the lists of a thread that ended keep no larger blocks */

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

/* pool_return_blocks looks at the header of every block, so no other check is needed. */
static uint32_t return_blocks(uint32_t cls, struct chain chain, bool trim) {
  struct chain legacy = CHAIN_EMPTY;
  uint32_t touched = 0;
  while (chain.count != 0) {
    touched += pool_return_blocks(cls, &chain, &legacy, trim); /* reads every block, and stops at a broken one */
    if (chain.count != 0) chain = audit_broken(cls, chain);
  }
  if (legacy.count != 0) {
    legacy_return_blocks(cls, legacy);
    touched++;
  }
  return touched;
}

/* The audit is for the sake of seen.h: a later report says when the block was still in order. */
uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim) { return return_blocks(cls, audit_chain(cls, chain, AUDIT_FEW), trim); }

uint32_t sll_hand_over(uint32_t cls, struct chain chain, enum pool_from from) {
  const struct pool_overflow overflow = pool_give_batch(cls, audit_chain(cls, chain, from == POOL_OWN ? AUDIT_FEW : AUDIT_FOREIGN), from);
  if (overflow.chain.count == 0) return 0;
  const uint32_t touched = return_blocks(overflow.cls, overflow.chain, false);
  return overflow.cls == cls ? touched : 0;
}

/* Drains and thread ends feed the pool, because a refill takes a batch whole. Idle and trimmed blocks return to their slabs, so that slabs become empty. */
static uint32_t send(uint32_t cls, struct chain chain, const struct sll_drained *d) {
  if (chain.count == 0) return 0;
  const bool to_slabs = d->reason == DRAIN_TRIM || d->reason == DRAIN_IDLE;
  return to_slabs ? sll_return_blocks(cls, chain, d->reason == DRAIN_TRIM) : sll_hand_over(cls, chain, d->from);
}

void sll_send(uint32_t cls, const struct sll_drained *d) {
  const uint32_t moved = d->list.count + d->spare.count;
  if (moved == 0 && d->reason != DRAIN_INTERVAL) return; /* the end of an interval is an event even if no block moved */
  const uint32_t slabs = send(cls, d->list, d) + send(cls, d->spare, d);
  EVENT(tls_sll_drain, .cls = cls, .reason = d->reason, .before = d->before, .moved = moved, .slabs = slabs, .ticks = hub_ticks() - d->start);
}

static enum pool_from from_of(const struct sll_state *state, enum drain_reason reason) {
  return state->use == USE_TAKEN && reason != DRAIN_EXIT ? POOL_OWN : POOL_FOREIGN;
}

/* Cuts the list behind its first `keep` blocks, which were pushed last and are warm, and returns the rest. */
static struct chain cut_list(struct sll_cache *cache, uint32_t cls, uint32_t keep) {
  if (keep == 0) return sll_take_list(cache, cls);
  struct sll_state *state = &cache->state[cls];
  if (keep >= state->length) return CHAIN_EMPTY;
  struct block *last = cache->head[cls];
  for (uint32_t i = 0; i < keep; i++) {
    struct block *const next = i == 0 ? last : block_next(last);
    if (!sll_goes_on_with(cls, next)) return CHAIN_EMPTY; /* broken in the middle: the pop that reaches it reports it */
    last = next;
  }
  struct chain rest = {block_next(last), state->length - keep};
  if (!sll_goes_on_with(cls, rest.head)) return CHAIN_EMPTY;
  block_link(last, BLOCK_END);
  state->length = keep;
  return rest;
}

/* ---- All lists of a thread. ---- */

/* Whether the class has no block here, and no count to publish. True for most classes of most threads. */
static bool at_rest(const struct sll_cache *cache, uint32_t cls) {
  const struct sll_state *state = &cache->state[cls];
  return state->length == 0 && state->spare_count == 0 && state->alloc_armed == cache->budget[cls].alloc && state->free_armed == cache->budget[cls].free;
}

/* Whether the thread never had a block of the class: every word is as sll_init left it. One test, because the end of a thread runs it for each class. */
static bool is_unused(const struct sll_cache *cache, uint32_t cls) {
  const struct sll_state *state = &cache->state[cls];
  const struct sll_budget *budget = &cache->budget[cls];
  return (state->use | state->length | state->spare_count | (uint32_t)(state->free_armed | state->alloc_armed | budget->alloc | budget->free)) == 0;
}

/* The only way to empty the lists of a class. Its counts are published. The first `keep` blocks stay in the list. */
static void empty(struct sll_cache *cache, uint32_t cls, enum drain_reason reason, uint32_t keep) {
  const struct sll_state *state = &cache->state[cls];
  if (state->length <= keep && state->spare_count == 0) return sll_arm(cache, cls); /* usual at the end of a thread, and not worth a look at the clock */
  struct sll_drained d = {reason, from_of(state, reason), state->length + state->spare_count, hub_ticks(), CHAIN_EMPTY, CHAIN_EMPTY};
  d.spare = sll_take_spare(cache, cls);
  d.list = cut_list(cache, cls, keep);
  sll_arm(cache, cls);
  sll_send(cls, &d);
}

void sll_drain_all(struct sll_cache *cache, enum drain_reason reason) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (at_rest(cache, cls)) continue;
    sll_publish(cache, cls);
    cache->state[cls].refill = sll_lengths[cls].first; /* begin small again; otherwise the next refill would touch as many blocks at once */
    empty(cache, cls, reason, 0);
  }
}

static void audit_list(struct sll_cache *cache, uint32_t cls, uint32_t most, uint64_t when) {
  const struct chain list = audit_chain_at(cls, sll_take_list(cache, cls), most, when);
  cache->head[cls] = list.head;
  cache->state[cls].length = list.count;
}

void sll_audit(struct sll_cache *cache) {
  const uint64_t when = audit_now();
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (at_rest(cache, cls)) continue;
    sll_publish(cache, cls);
    audit_list(cache, cls, UINT32_MAX, when);
    sll_put_spare(&cache->state[cls], audit_chain_at(cls, sll_take_spare(cache, cls), UINT32_MAX, when));
  }
}

/* The lists of a thread that ended keep as many blocks of a class as its first refill, but none larger than KEPT_STRIDE. */
void sll_shorten(struct sll_cache *cache) {
  const uint64_t when = audit_now();
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct sll_state *state = &cache->state[cls];
    if (is_unused(cache, cls)) continue;
    sll_publish(cache, cls);
    const bool keeps = class_stride(cls) <= KEPT_STRIDE;
    const uint32_t first = sll_lengths[cls].first;
    if (keeps) audit_list(cache, cls, AUDIT_FEW, when);
    if (state->use == USE_TAKEN) state->use = USE_INHERITED;
    state->refill = (uint16_t)first;
    sll_begin_short(cache, cls);
    empty(cache, cls, DRAIN_EXIT, !keeps ? 0 : state->length > 2 * first ? first : state->length);
  }
  sll_give_share(cache);
}

static bool is_busy(const struct sll_state *state) { return state->since_decay / BUSY_TIMES >= state->length + state->spare_count; }

/* How many blocks a decay leaves in the list. */
static uint32_t kept_by_decay(const struct sll_state *state, uint32_t cls) {
  const uint32_t length = state->length;
  if (!is_busy(state)) return state->moved && length > WHOLE_MAX ? length / 2 : 0;
  if (state->moved && length <= WHOLE_MAX) return length;
  const uint64_t few = sll_part_of_used(cls) / 2;
  return few < length / 2 ? length / 2 : few < length ? (uint32_t)few : length;
}

/*
 * Whether a decay leaves a busy list alone. A program of bursts needs the blocks again that a decay removes between two of them. So while refills replace
 * such blocks, only every second decay removes some, and then every fourth.
 */
static bool waits(struct sll_state *state) {
  if (state->waits != 0) {
    state->waits--;
    return true;
  }
  if (state->decayed) state->patience = 0;
  state->waits = ((1u << state->patience) - 1) & 3;
  return false;
}

void sll_decay_class(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  if (at_rest(cache, cls)) return;
  sll_publish(cache, cls);
  const bool busy = is_busy(state);
  const uint32_t kept = kept_by_decay(state, cls);
  state->since_decay = state->seen = 0;
  if (busy && waits(state)) return sll_arm(cache, cls);
  state->decayed = kept < state->length || state->spare_count != 0;
  state->moved = false;
  sll_shrink(cache, cls);
  if (state->length + state->spare_count != 0) {
    state->refill = (uint16_t)(state->refill > 2 * sll_lengths[cls].first ? state->refill / 2u : sll_lengths[cls].first);
  }
  empty(cache, cls, DRAIN_IDLE, kept);
}

/*
 * ---- Old lists. ----
 *
 * A program that turns from one size to another leaves lists behind that it does not use. They would keep the slabs of their blocks until their decay is
 * due by the clock. So drains of lists that were too long look at a few classes, and decay one whose list is old.
 */
static void decay_old(struct sll_cache *cache) {
  if (cache->drained - cache->looked_at < LOOK_KIB) return;
  cache->looked_at = cache->drained;
  const size_t old = max_size(AGE_TIMES * cache->held, AGE_LEAST) / KIB;
  for (uint32_t n = 0; n < LOOKED_AT; n++) {
    if (cache->looked == CLASS_COUNT) {
      cache->held = cache->found;
      cache->looked = 0;
      cache->found = 0;
    }
    const uint32_t cls = cache->looked++;
    struct sll_state *state = &cache->state[cls];
    if (is_unused(cache, cls)) continue;
    sll_publish(cache, cls);
    const uint32_t blocks = state->length + state->spare_count;
    cache->found += (size_t)blocks * class_stride(cls);
    if (blocks == 0 || state->since_decay != state->seen) state->used_at = cache->drained;
    else if (cache->drained - state->used_at > old) {
      state->used_at = cache->drained;
      sll_decay_class(cache, cls);
      return;
    }
    state->seen = state->since_decay;
  }
}

/*
 * ---- Drain. ----
 *
 * A list that is too long becomes the spare list, and the former spare list is handed to the pool whole. A short list keeps its warm
 * half. So the next drain or refill is at least half a list away. A spare list that was not used for an interval is handed to the
 * pool, too. If the thread only frees blocks of other threads, the list is handed over at once.
 */
void sll_drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  struct sll_state *state = &cache->state[cls];
  struct sll_drained d = {reason, from_of(state, reason), state->length + state->spare_count, hub_ticks(), CHAIN_EMPTY, CHAIN_EMPTY};
  if (reason == DRAIN_LENGTH) {
    state->moved = true;
    if (state->use == USE_TAKEN) {
      d.spare = sll_take_spare(cache, cls);
      sll_put_spare(state, state->most > CUT_MAX ? sll_take_list(cache, cls) : cut_list(cache, cls, state->most / 2));
    } else {
      d.list = sll_take_list(cache, cls);
      sll_grow_given(cache, cls);
    }
    sll_note_drain(state, d.list.count + d.spare.count != 0);
    state->spare_idle = false;
  } else {
    if (state->spare_idle) d.spare = sll_take_spare(cache, cls);
    state->since_drain = 0;
    state->spare_idle = true;
  }
  sll_arm(cache, cls);
  cache->drained += (uint32_t)((d.list.count + d.spare.count) * class_stride(cls) / KIB);
  sll_send(cls, &d);
  if (reason == DRAIN_LENGTH) decay_old(cache);
}
