#include "tls_budget.h"

#include <string.h>

#include "platform/config.h"
#include "modes/modes.h"
#include "slabs/legacy/legacy.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "modes/profile.h"
#include "platform/random.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"
#include "probe.h"

#define SHARED_BYTES (32 * MIB)        /* all lists of the process may hold this much beyond their least, */
#define SHARED_A_THREAD (256 * KIB)    /* or this much for each thread, if that is more, */
#define SHARED_ACTIVE (1536 * KIB)     /* or this much for each one that is active (sll_note_active), */
#define SHARED_ACTIVE_MOST (128 * MIB) /* at most; */
#define SHARED_USED_PART 2u            /* or this part of the blocks in use outside of them */
#define SHARED_PART 8u                 /* a list takes at most 1/SHARED_PART of the rest: a few threads get much, and many still get some */
#define LEAST_BYTES (4 * KIB)          /* a list may always hold this much: enough for the blocks that wait for the next thread; and for a batch from another */
#define LEAST_STRIDE (1 * KIB)         /* thread, if its blocks are no larger than this. A list of blocks larger than twice this may hold one */
#define LIST_BYTES (256 * KIB)         /* a list is drained at this many bytes, */
#define LIST_BLOCKS_MAX 1024u          /* or this many blocks */
#define FIRST_MOST 8u                  /* it begins at an eighth of that, but at least at this many blocks */
#define HORIZON_BYTES (1 * MIB)        /* a list that only wanders is not looked at for this many bytes of pushes, */
#define HORIZON_MAX 2048u              /* or this many blocks */
#define GIVEN_FIRST 16u                /* a list that its thread only pushes to begins at a thirty-second part, but at least at this many, */
#define GIVEN_BYTES (32 * KIB)         /* and grows to this many bytes, */
#define GIVEN_MOST 512u                /* but not beyond this many blocks */
#define GROWN_BLOCKS 96u               /* it may grow to this many, even if its class has few blocks in use */
#define PATIENCE_MAX 2u                /* of struct sll_state */
#define SOON 5u                        /* a drained list that is refilled within this many times its length of operations was drained too early */
#define FIRST_REFILL_BYTES (2 * KIB)   /* the first refill, and the growth of each further one, */
#define FIRST_REFILL_MAX 8u            /* or this many blocks, if that is less; */
#define FIRST_REFILL_MIN 2u            /* but at least this many */
#define USED_MS 8u                     /* between two looks of used_shares */
#define PACE_FIRST 64u
#define PACE_WAITING 64u

/* ---- Lengths. ---- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t greatest(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* `x`, kept within the limits; `high` counts if it is below `low`. */
static uint64_t between(uint64_t low, uint64_t x, uint64_t high) { return x > high || low > high ? high : x < low ? low : x; }

struct sll_lengths sll_lengths[CLASS_COUNT];

/*
 * The bytes that one more block in a list counts. Twice its own, because the list may have a spare list of the same length. Lists of large blocks are many
 * and short, and seldom full at the same time: they hold a third of what they may. So their blocks count half of that.
 */
static uint32_t share_of_block(uint32_t stride) { return stride > 2 * LEAST_STRIDE ? stride : 2 * stride; }

void sll_prepare(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint32_t stride = class_stride(cls);
    const uint32_t most = least((uint32_t)LIST_BYTES / stride, LIST_BLOCKS_MAX), begin = (uint32_t)between(FIRST_MOST, most / 8, most);
    const uint32_t first = (uint32_t)between(FIRST_REFILL_MIN, (uint32_t)FIRST_REFILL_BYTES / stride, FIRST_REFILL_MAX);
    const uint32_t given = (uint32_t)between(least(begin, GIVEN_FIRST), (uint32_t)GIVEN_BYTES / stride, GIVEN_MOST);
    const uint32_t waiting = greatest(2 * first + 1, (uint32_t)LEAST_BYTES / stride), foreign = greatest(GIVEN_FIRST, most / 32);
    const uint32_t always = stride > 2 * LEAST_STRIDE ? 1 : least(begin, stride > LEAST_STRIDE ? waiting : greatest(waiting, foreign));
    const uint32_t horizon = least((uint32_t)HORIZON_BYTES / stride, HORIZON_MAX);
    sll_lengths[cls] = (struct sll_lengths){(uint16_t)most,  (uint16_t)first,   (uint16_t)always,      (uint16_t)begin,
                                            (uint16_t)given, (uint16_t)horizon, share_of_block(stride)};
  }
}

/* ---- Growth. ---- */

/*
 * Blocks in lists count as used. So all lists together may hold a quarter at most for this reason; otherwise they would grow because of their own blocks.
 */
uint64_t sll_part_of_used(uint32_t cls) { return (pool_used(cls) + legacy_used(cls)) / greatest(8, 4 * sll_running()); }

/* The longest that a list may become if about as many blocks are pushed as popped. */
static uint32_t wandering_most(uint32_t cls) { return (uint32_t)between(GROWN_BLOCKS, sll_part_of_used(cls), sll_lengths[cls].most); }

static uint32_t next_refill(uint32_t refill, uint32_t cls) {
  const uint64_t first = sll_lengths[cls].first, most = first + sll_part_of_used(cls), wanted = refill + first;
  return least(wanted < most ? (uint32_t)wanted : (uint32_t)most, sll_lengths[cls].most / 2u);
}

static void look_closely(struct sll_state *state) { state->horizon = state->most / 2; }

/* ---- The bytes that all lists share. ---- */

static size_t shared; /* bytes that lists took; atomic */

/*
 * Threads that are active: their lists were decayed, and they work on. Many such threads need long lists each, and what they do not need, the next decays
 * return. A thread that rests after its only burst, or whose lists do not decay, keeps to what all share. All atomic. Two threads that begin a period at once
 * may lose some of the count.
 */
static uint32_t period, active_now, active_before;

void sll_note_active(struct sll_cache *cache, uint64_t now) {
  const uint32_t current = (uint32_t)(now / (config.release_delay + 1));
  if (cache->period == current) return;
  cache->period = current;
  uint32_t last = __atomic_load_n(&period, __ATOMIC_RELAXED);
  if (last != current && __atomic_compare_exchange_n(&period, &last, current, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    const uint32_t counted = __atomic_exchange_n(&active_now, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&active_before, last + 1 == current ? counted : 0, __ATOMIC_RELAXED);
  }
  __atomic_fetch_add(&active_now, 1, __ATOMIC_RELAXED);
}

static size_t active_threads(void) { return max_size(__atomic_load_n(&active_now, __ATOMIC_RELAXED), __atomic_load_n(&active_before, __ATOMIC_RELAXED)); }

/* The bytes that a list of up to `most` blocks takes. */
static inline uint32_t share_of(uint32_t most, const struct sll_lengths *lengths) {
  return most > lengths->least ? (most - lengths->least) * lengths->share : 0;
}

/*
 * What all blocks in use and in lists would take of the shared bytes, as of a few milliseconds ago. Threads that want longer lists ask for it, perhaps all the
 * time, and it is a sum over all classes.
 */
static size_t used_shares(void) {
  static size_t sum; /* atomic, as is looked_ms */
  static uint64_t looked_ms;
  const uint64_t now = os_now_ms();
  if (now < __atomic_load_n(&looked_ms, __ATOMIC_RELAXED) + USED_MS) return __atomic_load_n(&sum, __ATOMIC_RELAXED);
  __atomic_store_n(&looked_ms, now, __ATOMIC_RELAXED);
  size_t shares = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct pool_usage usage;
    pool_usage(cls, &usage);
    if (usage.used > usage.batched) shares += (usage.used - usage.batched) * (sll_lengths[cls].share / 2); /* two lists: this one and the spare one */
  }
  __atomic_store_n(&sum, shares, __ATOMIC_RELAXED);
  return shares;
}

/*
 * What lists may take beside `taken`. They hold no more than they took, so what is used beyond that is the program's. Otherwise their own blocks would let
 * them grow. A soft limit is kept rather with short lists.
 */
static size_t shares_left(size_t taken, size_t wanted) {
  if (soft_limit_is_above()) return 0;
  const bool limited = soft_limit_bytes() != 0;
  const size_t each = sll_running() * SHARED_A_THREAD, active = limited ? 0 : min_size(active_threads() * SHARED_ACTIVE, SHARED_ACTIVE_MOST);
  const size_t least_shares = max_size(max_size(SHARED_BYTES, each), active);
  if (taken + SHARED_PART * wanted <= least_shares || limited) return least_shares > taken ? least_shares - taken : 0;
  const size_t used = used_shares(), all = max_size(least_shares, used > taken ? (used - taken) / SHARED_USED_PART : 0);
  return all > taken ? all - taken : 0;
}

/* Takes `size` bytes for a list: first bytes that other lists of the thread gave up, then shared ones. */
static bool take_share(struct sll_cache *cache, uint32_t size) {
  if (size <= cache->share_left) {
    cache->share_left -= size;
    return true;
  }
  const size_t more = size - cache->share_left;
  if (more > shares_left(__atomic_load_n(&shared, __ATOMIC_RELAXED), more) / SHARED_PART) return false;
  __atomic_fetch_add(&shared, more, __ATOMIC_RELAXED);
  cache->share_left = 0;
  return true;
}

/* Changes how long a list may be. False, and nothing changed, if the shared bytes do not suffice. */
static inline bool set_most(struct sll_cache *cache, uint32_t cls, uint32_t most) {
  struct sll_state *state = &cache->state[cls];
  const struct sll_lengths *lengths = &sll_lengths[cls];
  const uint32_t before = share_of(state->most, lengths), after = share_of(most, lengths);
  if (after > before && !take_share(cache, after - before)) return false;
  if (after < before) cache->share_left += before - after;
  state->most = (uint16_t)most;
  return true;
}

size_t sll_shared(void) { return __atomic_load_n(&shared, __ATOMIC_RELAXED); }

void sll_give_share(struct sll_cache *cache) {
  if (cache->share_left != 0) __atomic_fetch_sub(&shared, cache->share_left, __ATOMIC_RELAXED);
  cache->share_left = 0;
}

void sll_give_all_shares(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) set_most(cache, cls, sll_lengths[cls].least);
  sll_give_share(cache);
}

/* What the live lists took. */
static size_t taken_shares(void) {
  size_t sum = 0;
  for (const struct sll_cache *cache = sll_live(); cache != NULL; cache = cache->next) {
    sum += cache->share_left;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sum += share_of(cache->state[cls].most, &sll_lengths[cls]);
  }
  return sum;
}

void sll_share_alone(void) { shared = taken_shares(); }

bool sll_shares_are_valid(void) { return shared == taken_shares(); }

void sll_begin_short(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const struct sll_lengths *lengths = &sll_lengths[cls];
  if (state->use != USE_TAKEN) set_most(cache, cls, least(lengths->least, lengths->given));
  else if (!set_most(cache, cls, lengths->begin)) set_most(cache, cls, lengths->least);
  state->drained = false;
  look_closely(state);
}

static bool grow(struct sll_cache *cache, uint32_t cls, uint32_t limit) {
  const uint32_t most = cache->state[cls].most;
  return most >= limit || set_most(cache, cls, least(most * 2u, limit));
}

void sll_grow_given(struct sll_cache *cache, uint32_t cls) { grow(cache, cls, sll_lengths[cls].given); }

/*
 * For a list with as many pushes as pops, whose length therefore wanders. If threads free each other's blocks, it wanders up to any limit. Such a
 * list need not be long, but its length need not be checked so often.
 */
void sll_grow_at_push(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  if (2 * (state->alloc_armed - cache->budget[cls].alloc) <= state->free_armed) return; /* a thread that mostly frees keeps a short list */
  if (!grow(cache, cls, wandering_most(cls))) return;
  state->horizon = (uint16_t)least(state->horizon * 2u, sll_lengths[cls].horizon);
}

/* A list that is refilled so soon after its drain was too short: many pushes came, then many pops. A longer list would have kept the blocks. */
void sll_grow_at_refill(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  if (state->most < sll_lengths[cls].begin) set_most(cache, cls, sll_lengths[cls].begin); /* the shared bytes did not suffice until now */
  else if (state->drained && state->since_given < SOON * state->most) grow(cache, cls, sll_lengths[cls].most);
  state->drained = false;
  if (state->decayed && state->patience < PATIENCE_MAX) state->patience++;
  state->decayed = false;
  state->refill = (uint16_t)next_refill(state->refill, cls);
}

void sll_shrink(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint32_t first = sll_lengths[cls].begin, needed = greatest(first, wandering_most(cls));
  state->drained = false; /* the next refill replaces blocks that were returned because they were idle, not because the list was too long */
  if (state->most <= needed) return;
  set_most(cache, cls, greatest(state->most / 2u, needed));
  look_closely(state);
}

void sll_begin_again(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  state->refill = sll_lengths[cls].first;
  state->moved = false;
  sll_begin_short(cache, cls);
}

void sll_note_drain(struct sll_state *state, bool given) {
  look_closely(state);
  if (!given) return;
  state->drained = true;
  state->since_given = 0;
}

/* ---- Budgets. ---- */

static bool slow_door;    /* atomic */
static uint32_t settings; /* atomic; grows with each change of a mode while the program runs */

bool sll_goes_slow(void) { return HAKMEM_EVENTS && __atomic_load_n(&slow_door, __ATOMIC_RELAXED); }
void sll_go_slow(bool slow) { __atomic_store_n(&slow_door, slow, __ATOMIC_RELAXED); }

/*
 * How many pushes may come before the length is checked. At least as many as the list has room for. Near its end, half a list or a part of the horizon:
 * otherwise every few pushes would enter the slow path for nothing. And up to the horizon, if that many random steps are likely to stay within the
 * room: n steps stray by the square root of n.
 */
static uint32_t pushes_until_look(const struct sll_state *state) {
  const uint32_t room = state->length < state->most ? state->most - state->length : 0;
  const uint32_t near = greatest(state->most / 2u, state->horizon / 4u), far = least(room * room, state->horizon);
  return greatest(greatest(1, room), greatest(near, far));
}

void sll_arm(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint32_t pace = superslabs_are_dirty() ? least(cache->pace, PACE_WAITING) : cache->pace;
  uint32_t allocs = pace;
  uint32_t frees = least(pushes_until_look(state) - 1, pace); /* the push that enters the slow path is one more */
  if (HAKMEM_EVENTS && config.sample != 0) allocs = least(allocs, sll_sample_gap(cache));
  if (config.drain_interval != 0) {
    const uint32_t left = config.drain_interval > state->since_drain ? config.drain_interval - state->since_drain - 1 : 0;
    frees = least(frees, left);
  }
  if (MODE(guard_rate)) allocs = least(allocs, cache->guard_gap[cls]);
  if (MODE(profile)) allocs = least(allocs, cache->profile_gap[cls]);
  if (sll_goes_slow()) allocs = frees = 0;
  if (state->use == USE_GIVEN) allocs = 0;
  cache->budget[cls].alloc = state->alloc_armed = (int32_t)allocs;
  cache->budget[cls].free = state->free_armed = (int32_t)frees;
}

void sll_arm_allocs(struct sll_cache *cache, uint32_t cls) {
  const int32_t frees = cache->budget[cls].free;
  sll_arm(cache, cls);
  if (frees < cache->budget[cls].free) cache->budget[cls].free = cache->state[cls].free_armed = frees;
}

ALWAYS_INLINE void count_for(struct sll_cache *cache, uint32_t cls, uint32_t pops, uint32_t pushes) {
  struct sll_state *state = &cache->state[cls];
  if ((pops | pushes) == 0) return;
  state->length += pushes - pops;
  state->since_drain += pushes;
  state->since_given += pops + pushes;
  state->since_decay += pops + pushes;
  cache->operations += pops + pushes;
  if (MODE(guard_rate)) cache->guard_gap[cls] -= least(cache->guard_gap[cls], pops);
  if (MODE(profile)) cache->profile_gap[cls] -= least(cache->profile_gap[cls], pops);
  hub_count(cls, pops, pushes);
}

void sll_count_for(struct sll_cache *cache, uint32_t cls, uint32_t pops, uint32_t pushes) { count_for(cache, cls, pops, pushes); }

/* Adds every operation that the budgets counted. */
ALWAYS_INLINE void count(struct sll_cache *cache, uint32_t cls) {
  struct sll_state *state = &cache->state[cls];
  const uint32_t pops = (uint32_t)(state->alloc_armed - cache->budget[cls].alloc);
  const uint32_t pushes = (uint32_t)(state->free_armed - cache->budget[cls].free);
  state->alloc_armed = cache->budget[cls].alloc;
  state->free_armed = cache->budget[cls].free;
  count_for(cache, cls, pops, pushes);
}

void sll_count(struct sll_cache *cache, uint32_t cls) { count(cache, cls); }

void sll_publish(struct sll_cache *cache, uint32_t cls) {
  if (cache->budget[cls].alloc < 0) cache->budget[cls].alloc = 0;
  if (cache->budget[cls].free < 0) cache->budget[cls].free = 0;
  count(cache, cls);
}

/* A gap has no memory: it may be drawn again at any time, for any reason except its own value. */
static void draw_profile(struct sll_cache *cache, uint32_t cls) {
  cache->profile_gap[cls] = MODE(profile) ? profile_gap(&cache->random, class_stride(cls)) : 0;
}

bool sll_take_guard(struct sll_cache *cache, uint32_t cls) {
  const uint32_t rate = modes_guard_rate();
  if (rate == 0 || sll_is_behind(cache)) return false;
  uint32_t *gap = &cache->guard_gap[least(cls, CLASS_LARGE)];
  if (*gap == 0) {
    *gap = random_gap(&cache->random, rate);
    if (cls < CLASS_COUNT) draw_profile(cache, cls); /* otherwise the next block would inherit this one's chance to be a sample */
    return true;
  }
  if (cls >= CLASS_LARGE) --*gap; /* the gaps of small classes are counted by their budgets */
  return false;
}

size_t sll_take_profile(struct sll_cache *cache, uint32_t cls, size_t size) {
  if (!MODE(profile)) return 0;
  if (cls >= CLASS_COUNT) return profile_takes(&cache->random, size) ? size : 0;
  if (cache->profile_gap[cls] != 0 || sll_is_behind(cache)) return 0;
  draw_profile(cache, cls);
  cache->profile_gap[cls] += cache->profile_gap[cls] < UINT32_MAX; /* for this block, which the budget has yet to count */
  return class_stride(cls);
}

static void draw_guard(struct sll_cache *cache) {
  const uint32_t rate = modes_guard_rate();
  for (uint32_t row = 0; rate != 0 && row <= CLASS_LARGE; row++) cache->guard_gap[row] = random_gap(&cache->random, rate);
}

/* Of all classes: asked once, because each thread begins with it. */
static void draw_profiles(struct sll_cache *cache) {
  const bool on = MODE(profile);
  for (uint32_t cls = 0; on && cls < CLASS_COUNT; cls++) draw_profile(cache, cls);
}

/* ---- Modes that change while the program runs. ---- */

void sll_settings_changed(void) { __atomic_add_fetch(&settings, 1, __ATOMIC_RELEASE); }
bool sll_is_behind(const struct sll_cache *cache) { return cache->drawn != __atomic_load_n(&settings, __ATOMIC_ACQUIRE); }

/* The operations so far are counted first: they belong to the old gaps. */
void sll_follow(struct sll_cache *cache) {
  cache->drawn = __atomic_load_n(&settings, __ATOMIC_ACQUIRE);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_publish(cache, cls);
  draw_guard(cache);
  draw_profiles(cache);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_arm_allocs(cache, cls);
}

void sll_init(struct sll_cache *cache) {
  cache->pace = PACE_FIRST;
  memcpy(&cache->start[1], class_start, sizeof(class_start));
  cache->key = link_key;
  cache->random = (uintptr_t)cache ^ os_now_ms() << 32 ^ os_thread();
  cache->drawn = __atomic_load_n(&settings, __ATOMIC_ACQUIRE);
  draw_guard(cache);
  draw_profiles(cache);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cache->head[cls] = BLOCK_END;
    cache->live[cls] = header_live(cls);
    cache->state[cls] = (struct sll_state){.refill = sll_lengths[cls].first};
    sll_begin_short(cache, cls);
  }
}

void sll_rearm(struct sll_cache *cache, uint32_t cls) {
  sll_publish(cache, cls);
  sll_arm_allocs(cache, cls);
}
