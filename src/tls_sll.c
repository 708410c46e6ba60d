#include "tls_sll.h"

#include "audit.h"
#include "config.h"
#include "guard.h"
#include "legacy.h"
#include "misuse.h"
#include "os.h"
#include "profile.h"
#include "random.h"
#include "shared_fail.h"
#include "shared_pool.h"

#define LIST_BYTES (256 * KIB) /* a list is drained at so many bytes, */
#define LIST_BLOCKS_MAX 1024u  /* or so many blocks, */
#define LIST_BLOCKS_MIN 4u     /* but holds so many; half of it stays */
#define CUT_MAX 64u            /* a list for up to so many is cut in the middle; to walk a longer one costs more than to change it whole */
#define FIRST_REFILL_BYTES (2 * KIB) /* the first refill, and by so much each further one is larger; */
#define FIRST_REFILL_MAX 8u          /* or by so many blocks */
#define FIRST_REFILL_MIN 2u
#define ALLOC_BUDGET_MAX 4096u /* how many operations may be unpublished */

/* ---- Lengths and budgets. ---- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static uint32_t between(uint32_t low, uint32_t x, uint32_t high) { return x < low ? low : x > high ? high : x; }

/* By class: at how many blocks a list is drained at most, and how many the first refill brings. A thread's start would divide for each. */
static struct { uint16_t most, first; } lengths[CLASS_COUNT];

void sll_prepare(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint32_t stride = class_stride(cls);
    lengths[cls].most = (uint16_t)between(LIST_BLOCKS_MIN, (uint32_t)LIST_BYTES / stride, LIST_BLOCKS_MAX);
    lengths[cls].first = (uint16_t)between(FIRST_REFILL_MIN, (uint32_t)FIRST_REFILL_BYTES / stride, FIRST_REFILL_MAX);
  }
}

/*
 * A refill is larger than the last one, but by no more than an eighth of what the class has in use: so what lies idle stays a part of what is used.
 */
static uint32_t next_refill(uint32_t refill, uint32_t cls) {
  struct pool_usage usage;
  pool_usage(cls, &usage);
  const uint64_t first = lengths[cls].first, most = first + usage.used / 8, wanted = refill + first;
  return least(wanted < most ? (uint32_t)wanted : (uint32_t)most, lengths[cls].most / 2u);
}

/* A list begins short, and grows where blocks go both ways: one that only gives holds little. */
static uint16_t first_max(uint16_t most) { return most / 8 > 8 ? most / 8 : most > 8 ? 8 : most; }
static void grow(struct sll_state *state, uint32_t cls) { state->most = (uint16_t)least(state->most * 2u, lengths[cls].most); }

static bool slow_door; /* atomic */

bool sll_goes_slow(void) { return HAKMEM_EVENTS && __atomic_load_n(&slow_door, __ATOMIC_RELAXED); }
void sll_go_slow(bool slow) { __atomic_store_n(&slow_door, slow, __ATOMIC_RELAXED); }

/* Sets the budgets so that the next operation with something to do comes through the slow path. */
static void arm(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint32_t most = state->most;
  uint32_t allocs = ALLOC_BUDGET_MAX;
  /* A list near its end may go over it by half, else every few operations would come by only to hear that. */
  const uint32_t room = state->length < most ? most - state->length : 0;
  uint32_t frees = (room > most / 2 ? room : most / 2) - 1; /* the one through the slow path is one more */
  if (HAKMEM_EVENTS && config.sample != 0) allocs = least(allocs, config.sample);
  if (config.drain_interval != 0) {
    const uint32_t left = config.drain_interval > state->since_drain ? config.drain_interval - state->since_drain - 1 : 0;
    frees = least(frees, left);
  }
  if (HAKMEM_EVENTS && guard_rate != 0) allocs = least(allocs, cache->guard_gap[cls]);
  if (profile_is_on()) allocs = least(allocs, cache->profile_gap[cls]);
  if (sll_goes_slow()) allocs = frees = 0;
  if (!state->refilled) allocs = 0;
  cache->budget[cls].alloc = state->alloc_armed = (int32_t)allocs;
  cache->budget[cls].free = state->free_armed = (int32_t)frees;
}

/* Brings in every operation that the budgets counted. */
static void publish(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint32_t pops = (uint32_t)(state->alloc_armed - cache->budget[cls].alloc);
  const uint32_t pushes = (uint32_t)(state->free_armed - cache->budget[cls].free);
  if ((pops | pushes) == 0) return;
  state->alloc_armed = cache->budget[cls].alloc;
  state->free_armed = cache->budget[cls].free;
  state->length += pushes - pops;
  state->since_drain += pushes;
  cache->operations += pops + pushes;
  cache->guard_gap[cls] -= least(cache->guard_gap[cls], pops);
  cache->profile_gap[cls] -= least(cache->profile_gap[cls], pops);
  hub_count(cls, pops, pushes);
}

void sll_publish(struct sll_cache *cache, uint32_t cls) {
  if (cache->budget[cls].alloc < 0) cache->budget[cls].alloc = 0;
  if (cache->budget[cls].free < 0) cache->budget[cls].free = 0;
  publish(cache, cls);
}

/* A gap has no memory: it may be drawn anew at any time, for any reason but its own length. */
static void draw_profile(struct sll_cache *cache, uint32_t cls) {
  cache->profile_gap[cls] = profile_is_on() ? profile_gap(&cache->random, class_stride(cls)) : 0;
}

bool sll_take_guard(struct sll_cache *cache, uint32_t cls) {
  if (!HAKMEM_EVENTS || guard_rate == 0) return false;
  uint32_t *gap = &cache->guard_gap[least(cls, CLASS_LARGE)];
  if (*gap == 0) {
    *gap = random_gap(&cache->random, guard_rate);
    if (cls < CLASS_COUNT) draw_profile(cache, cls); /* whether this one would have been a sample must not come to the next one's lot */
    return true;
  }
  if (cls >= CLASS_LARGE) --*gap; /* the others' are counted by their budgets */
  return false;
}

size_t sll_take_profile(struct sll_cache *cache, uint32_t cls, size_t size) {
  if (!profile_is_on()) return 0;
  if (cls >= CLASS_COUNT) return profile_takes(&cache->random, size) ? size : 0;
  if (cache->profile_gap[cls] != 0) return 0;
  draw_profile(cache, cls);
  cache->profile_gap[cls] += cache->profile_gap[cls] < UINT32_MAX; /* this one, which the budget has yet to count */
  return class_stride(cls);
}

void sll_init(struct sll_cache *cache) {
  cache->random = (uintptr_t)cache ^ os_now_ms() << 32 ^ os_thread();
  for (uint32_t row = 0; guard_rate != 0 && row <= CLASS_LARGE; row++) cache->guard_gap[row] = random_gap(&cache->random, guard_rate);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cache->head[cls] = BLOCK_END;
    cache->live[cls] = header_live(cls);
    cache->state[cls] = (struct sll_state){.spare = CHAIN_EMPTY, .most = first_max(lengths[cls].most), .refill = lengths[cls].first};
    draw_profile(cache, cls);
  }
}

void sll_rearm(struct sll_cache *cache, uint32_t cls) {
  sll_publish(cache, cls);
  arm(cache, cls);
}

/* ---- Taking chains out and putting them in. ---- */

static struct chain take_list(struct sll_cache *cache, uint32_t cls) {
  struct chain chain = {cache->head[cls], cache->state[cls].length};
  cache->head[cls] = BLOCK_END;
  cache->state[cls].length = 0;
  return chain;
}

static struct chain take_spare(struct sll_cache *cache, uint32_t cls) {
  const struct chain chain = cache->state[cls].spare;
  cache->state[cls].spare = CHAIN_EMPTY;
  return chain;
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

/* Hands a chain on whole; what overflows goes back to its slabs. Returns the slabs touched. */
static uint32_t hand_over(uint32_t cls, struct chain chain) {
  struct chain overflow = pool_give_batch(cls, audit_chain(cls, chain, AUDIT_FEW));
  return overflow.count != 0 ? sll_return_blocks(cls, overflow, false) : 0;
}

/* Whether a list of the class can go on with `block`, wherever a link that was written to may lead. */
static bool goes_on_with(uint32_t cls, const struct block *block) {
  return directory_code(&directory, block) == (int8_t)(cls + 1) && block_can_pop(block);
}

/* Cuts the list behind its first `keep` blocks, which were pushed last and are warm, and returns the rest. */
static struct chain cut_list(struct sll_cache *cache, uint32_t cls, uint32_t keep) {
  struct sll_state *state = &cache->state[cls];
  struct block *last = cache->head[cls];
  for (uint32_t i = 0; i < keep; i++) {
    struct block *const next = i == 0 ? last : block_next(last);
    if (!goes_on_with(cls, next)) return CHAIN_EMPTY; /* broken in mid-list: the pop that reaches it will say so */
    last = next;
  }
  struct chain rest = {block_next(last), state->length - keep};
  if (!goes_on_with(cls, rest.head)) return CHAIN_EMPTY;
  block_link(last, BLOCK_END);
  state->length = keep;
  return rest;
}

/*
 * ---- Drain. ----
 *
 * A list that is too long becomes the spare list, and the spare list that was there goes to the pool, whole. A short one keeps its warm
 * half; so the next drain or refill is half a list away whatever comes. A spare list that was not used for an interval goes to the
 * pool, too.
 */
static void drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  const uint32_t before = state->length + state->spare.count;
  struct chain out = CHAIN_EMPTY;
  if (reason == DRAIN_LENGTH) {
    state->moved = true;
    out = take_spare(cache, cls);
    if (out.count != 0) state->drained = true;
    state->spare = state->most > CUT_MAX ? take_list(cache, cls) : cut_list(cache, cls, state->most / 2);
    state->spare_idle = false;
  } else {
    if (state->spare_idle) out = take_spare(cache, cls);
    state->since_drain = 0;
    state->spare_idle = true;
  }
  arm(cache, cls);
  const uint32_t slabs = hand_over(cls, out);
  if (reason == DRAIN_LENGTH && out.count == 0) return; /* nothing left the thread */
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = before, .moved = out.count, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

/* Whether the class has no block here, and nothing to publish: most classes of most threads. */
static bool at_rest(const struct sll_cache *cache, uint32_t cls) {
  const struct sll_state *state = &cache->state[cls];
  return state->length == 0 && state->spare.count == 0 && state->alloc_armed == cache->budget[cls].alloc &&
         state->free_armed == cache->budget[cls].free;
}

/* Empties both lists of a class: at the end of the thread into the pool, for a trim back into the slabs. */
static void drain_class(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  if (at_rest(cache, cls)) return;
  sll_publish(cache, cls);
  const uint64_t start = hub_ticks();
  struct chain list = take_list(cache, cls), spare = take_spare(cache, cls);
  cache->state[cls].refill = lengths[cls].first; /* starts small again, or the next refill would touch as much at once */
  arm(cache, cls);
  const uint32_t moved = list.count + spare.count;
  uint32_t slabs = 0;
  if (moved == 0) return;
  if (reason == DRAIN_EXIT && list.count != 0) slabs += hand_over(cls, list);
  else if (list.count != 0) slabs += sll_return_blocks(cls, list, reason == DRAIN_TRIM);
  if (reason == DRAIN_EXIT) slabs += hand_over(cls, spare);
  else if (spare.count != 0) slabs += sll_return_blocks(cls, spare, true);
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = moved, .moved = moved, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

static void audit_list(struct sll_cache *cache, uint32_t cls, uint32_t most) {
  const struct chain list = audit_chain(cls, take_list(cache, cls), most);
  cache->head[cls] = list.head;
  cache->state[cls].length = list.count;
}

void sll_audit(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (at_rest(cache, cls)) continue;
    sll_publish(cache, cls);
    audit_list(cache, cls, UINT32_MAX);
    cache->state[cls].spare = audit_chain(cls, take_spare(cache, cls), UINT32_MAX);
  }
}

/* What goes of the list of a thread that ended: all but the first refill of it, and all of it where that is more than FIRST_REFILL_BYTES. */
static struct chain shorten(struct sll_cache *cache, uint32_t cls) {
  const uint32_t first = lengths[cls].first;
  if (class_stride(cls) > FIRST_REFILL_BYTES) return take_list(cache, cls);
  audit_list(cache, cls, AUDIT_FEW);
  return cache->state[cls].length > 2 * first ? cut_list(cache, cls, first) : CHAIN_EMPTY;
}

void sll_shorten(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct sll_state *state = &cache->state[cls];
    const bool was_used = state->refilled || state->free_armed != 0 || !at_rest(cache, cls);
    if (!was_used) continue;
    sll_publish(cache, cls);
    const uint64_t start = hub_ticks();
    const uint32_t before = state->length + state->spare.count;
    const struct chain spare = take_spare(cache, cls), list = shorten(cache, cls);
    state->refill = lengths[cls].first;
    state->most = first_max(lengths[cls].most);
    arm(cache, cls);
    const uint32_t moved = list.count + spare.count, slabs = hand_over(cls, list) + hand_over(cls, spare);
    if (moved == 0) continue;
    EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_EXIT, .before = before, .moved = moved, .slabs = slabs, .ticks = hub_ticks() - start);
  }
}

static void decay(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  if (at_rest(cache, cls)) return;
  sll_publish(cache, cls);
  const uint64_t start = hub_ticks();
  const uint32_t before = state->length + state->spare.count;
  const bool moved = state->moved;
  state->moved = false;
  if (before == 0) return;
  const struct chain spare = take_spare(cache, cls);
  struct chain cold = CHAIN_EMPTY;
  if (!moved || state->length <= CUT_MAX) cold = take_list(cache, cls);
  else if (state->length > 1) cold = cut_list(cache, cls, state->length / 2);
  state->refill = (uint16_t)(state->refill > 2 * lengths[cls].first ? state->refill / 2u : lengths[cls].first);
  arm(cache, cls);
  if (spare.count + cold.count == 0) return;
  uint32_t slabs = 0;
  if (spare.count != 0) slabs += sll_return_blocks(cls, spare, false);
  if (cold.count != 0) slabs += sll_return_blocks(cls, cold, false);
  EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_IDLE, .before = before, .moved = spare.count + cold.count, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

void sll_decay(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) decay(cache, cls);
}

void sll_drain_all(struct sll_cache *cache, enum drain_reason reason) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) drain_class(cache, cls, reason);
}

/* ---- Refill. ---- */

static struct chain refill_by_legacy(const struct sll_cache *cache, uint32_t cls, uint32_t most, const struct pool_answer *answer,
                                     uint64_t *fail_over) {
  static_assert((int)LEGACY_LIMIT == (int)FAIL_LIMIT && (int)LEGACY_OS_ENOMEM == (int)FAIL_OS_ENOMEM &&
                (int)LEGACY_NO_ADDRESS_SPACE == (int)FAIL_NO_ADDRESS_SPACE, "legacy's reasons begin with shared_fail's");
  const uint32_t stack = shared_fail_raise(cache, cls, class_slab_units(cls), answer->refusal);
  *fail_over = hub_ticks();
  return legacy_refill(cls, most, (enum legacy_reason)answer->refusal.reason, stack);
}

/* Raises the event, with the time by stage: each lasted until the next one began, the last until now. */
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
  EVENT(tls_sll_refill, .cls = cls, .blocks = answer->chain.count, .source = answer->source, .ticks = now - start,
        REFILL_STAGES(STAGE_TICKS));
}

/* Makes sure that the list's head can be popped, and that the thread was given blocks of its own once. False where no memory is to be had anywhere. */
static bool refill(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  const bool timed = HAKMEM_EVENTS && (cache->refills++ % STAGE_SAMPLE == 0 || sll_goes_slow());
  uint64_t fail_over = 0;
  sll_publish(cache, cls);
  /*
   * The first time, what the thread freed so far were other threads' blocks, whose neighbours these go on using: it does not begin
   * with them, or it would share cache lines with those threads for as long as it lives.
   */
  const struct chain foreign = state->refilled ? CHAIN_EMPTY : take_list(cache, cls);
  struct pool_answer answer = {.chain = state->refilled ? take_spare(cache, cls) : CHAIN_EMPTY, .source = REFILL_SPARE};
  state->refilled = state->moved = true;
  state->spare_idle = false;
  answer.chain = audit_chain(cls, answer.chain, AUDIT_FEW);
  if (answer.chain.count == 0) {
    answer = pool_refill(cls, state->refill, timed);
    if (answer.broken != NULL) misuse_broken(cls, answer.broken);
    if (answer.chain.count == 0) {
      answer.chain = refill_by_legacy(cache, cls, state->refill, &answer, &fail_over);
      answer.source = REFILL_LEGACY;
    }
    if (answer.chain.count == 0 && foreign.count == 0) return false;
    if (state->drained) grow(state, cls); /* blocks went away that are wanted again */
    state->drained = false;
    state->refill = (uint16_t)next_refill(state->refill, cls);
  }
  /* A sink may have come back through malloc or free meanwhile and left a list; and again while that one is handed over. */
  for (sll_publish(cache, cls); state->length != 0; sll_publish(cache, cls)) hand_over(cls, take_list(cache, cls));
  if (foreign.count != 0) hand_over(cls, take_spare(cache, cls));
  if (answer.chain.count == 0) answer.chain = foreign, answer.source = REFILL_SPARE; /* better than nothing */
  else if (foreign.count != 0) state->spare = foreign;
  cache->head[cls] = answer.chain.head;
  state->length = answer.chain.count;
  tell_refill(cls, &answer, timed, start, fail_over);
  return true;
}

/* ---- One operation: it counts itself by a step of the budget, unless that was taken on the fast path already. ---- */

/* Pops the head, which can be popped, and makes it live. */
static struct block *pop(struct sll_cache *cache, uint32_t cls) {
  struct block *block = cache->head[cls];
  cache->head[cls] = block_next(block);
  header_set(block, cache->live[cls]);
  if (cache->budget[cls].alloc >= 0) cache->budget[cls].alloc--;
  publish(cache, cls);
  arm(cache, cls);
  return block;
}

void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block) {
  struct sll_state *state = &cache->state[cls];
  block_link(block, cache->head[cls]);
  cache->head[cls] = block;
  if (cache->budget[cls].free >= 0) cache->budget[cls].free--;
  else if (2 * (state->alloc_armed - cache->budget[cls].alloc) > state->free_armed) grow(state, cls);
  publish(cache, cls);
  if (state->length >= state->most) drain(cache, cls, DRAIN_LENGTH);
  else if (config.drain_interval != 0 && state->since_drain >= config.drain_interval) drain(cache, cls, DRAIN_INTERVAL);
  else arm(cache, cls);
}

void sll_abandon(struct sll_cache *cache, uint32_t cls) {
  sll_publish(cache, cls);
  cache->operations++;
  hub_count(cls, 0, 1);
  arm(cache, cls);
}

/* ---- Take. ---- */

#if HAKMEM_EVENTS
/*
 * The head of the list has a wrong header: reports it and takes it out. Its link is followed only where it leads to a block of
 * this class; else the rest of the list is abandoned. So it is where the head itself is no free block of this class.
 */
static void drop_head(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  sll_publish(cache, cls);
  struct block *bad = cache->head[cls];
  const struct slab *slab = directory_slab(bad);
  const uint8_t got = header_get(bad);
  if (!misuse_is_link(bad, cls) || header_says_live(got, cls)) {
    /* The block before it was written to after its free, and led here: this is somebody's memory, not to be touched. */
    cache->head[cls] = BLOCK_END;
    state->length = 0;
    arm(cache, cls);
    misuse_link(cls, bad, got);
    return;
  }
  header_set(bad, HEADER_FREE);
  const bool linked = misuse_is_link(block_next(bad), cls);
  if (linked && state->length > 1) {
    cache->head[cls] = block_next(bad);
    state->length--;
  } else {
    cache->head[cls] = BLOCK_END;
    state->length = 0;
  }
  arm(cache, cls);
  misuse_header(slab, bad, got, linked ? MISUSE_FREE : MISUSE_OVERWRITTEN);
}
#else
static void drop_head(struct sll_cache *cache, uint32_t cls) { (void)cache, (void)cls; }
#endif

struct block *sll_take(struct sll_cache *cache, uint32_t cls) {
  while (!cache->state[cls].refilled || !block_can_pop(cache->head[cls])) {
    if (cache->head[cls] != BLOCK_END && !block_can_pop(cache->head[cls])) {
      drop_head(cache, cls);
    } else if (!refill(cache, cls)) {
      return NULL;
    }
  }
  return pop(cache, cls);
}
