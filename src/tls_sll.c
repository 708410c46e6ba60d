#include "tls_sll.h"

#include <pthread.h>

#include "config.h"
#include "legacy.h"
#include "misuse.h"
#include "os.h"
#include "shared_pool.h"

#define LIST_BYTES (64 * KIB)  /* a list is drained at so many bytes, */
#define LIST_BLOCKS_MAX 512u   /* or so many blocks, */
#define LIST_BLOCKS_MIN 4u     /* but holds so many; half of it stays */
#define FIRST_REFILL 8u
#define ALLOC_BUDGET_MAX 4096u /* how many operations may be unpublished */
#define VISITS_PER_CHECK 16u   /* slow-path visits between two looks at the clock */

struct sll_cache sll_empty = {
  .directory = &directory_blind,
  .list = {[0 ... CLASS_COUNT - 1] = {.head = BLOCK_END}},
};
__thread struct sll_cache *sll_self = &sll_empty;

/* Set by the thread's destructor: from then on it borrows. */
static __thread bool thread_ended __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_key;

static struct {
  pthread_mutex_t lock;
  struct sll_cache *live, *unused;
  uint32_t live_count; /* atomic; changes under the lock */
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t live_caches(void) { return __atomic_load_n(&registry.live_count, __ATOMIC_RELAXED); }

static uint64_t next_scavenge_ms; /* atomic */

/* ---- Lengths and budgets. ---- */

static uint16_t list_max(uint32_t cls) {
  const uint32_t blocks = (uint32_t)(LIST_BYTES / class_stride(cls));
  return (uint16_t)(blocks > LIST_BLOCKS_MAX ? LIST_BLOCKS_MAX : blocks < LIST_BLOCKS_MIN ? LIST_BLOCKS_MIN : blocks);
}

static bool slow_door; /* atomic */

bool sll_goes_slow(void) { return HAKMEM_EVENTS && __atomic_load_n(&slow_door, __ATOMIC_RELAXED); }
void sll_go_slow(bool slow) { __atomic_store_n(&slow_door, slow, __ATOMIC_RELAXED); }

static const struct directory *directory_to_use(void) {
  return sll_goes_slow() || config.lookup != STRATEGY_DIRECTORY ? &directory_blind : &directory;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Sets the budgets so that the next operation with something to do comes through the slow path. */
static void arm(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
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
  if (sll_goes_slow()) allocs = frees = 0;
  list->alloc_budget = state->alloc_armed = (int32_t)allocs;
  list->free_budget = state->free_armed = (int32_t)frees;
}

/* Brings in every operation that the budgets counted. */
static void publish(struct sll_cache *cache, uint32_t cls) {
  const struct sll *list = &cache->list[cls];
  struct sll_state *state = &cache->state[cls];
  const uint32_t pops = (uint32_t)(state->alloc_armed - list->alloc_budget);
  const uint32_t pushes = (uint32_t)(state->free_armed - list->free_budget);
  if ((pops | pushes) == 0) return;
  state->alloc_armed = list->alloc_budget;
  state->free_armed = list->free_budget;
  state->length += pushes - pops;
  state->since_drain += pushes;
  cache->operations += pops + pushes;
  hub_count(cls, pops, pushes);
}

void sll_publish(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
  if (list->alloc_budget < 0) list->alloc_budget = 0;
  if (list->free_budget < 0) list->free_budget = 0;
  publish(cache, cls);
}

/* ---- Taking chains out and putting them in. ---- */

static struct chain take_list(struct sll_cache *cache, uint32_t cls) {
  struct chain chain = {cache->list[cls].head, cache->state[cls].length};
  cache->list[cls].head = BLOCK_END;
  cache->state[cls].length = 0;
  return chain;
}

static struct chain take_spare(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
  if (list->spare_count == 0) return CHAIN_EMPTY;
  struct chain chain = {list->spare, list->spare_count};
  list->spare = BLOCK_END;
  list->spare_count = 0;
  return chain;
}

uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim) {
  uint32_t touched = pool_return_blocks(cls, &chain, trim);
  if (chain.count != 0) {
    legacy_return_blocks(cls, chain);
    touched++;
  }
  return touched;
}

/* Hands a chain on whole; what overflows goes back to its slabs. Returns the slabs touched. */
static uint32_t hand_over(uint32_t cls, struct chain chain) {
  struct chain overflow = pool_give_batch(cls, chain);
  return overflow.count != 0 ? sll_return_blocks(cls, overflow, false) : 0;
}

/* Cuts the list behind its first `keep` blocks, which were pushed last and are warm, and returns the rest. */
static struct chain cut_list(struct sll_cache *cache, uint32_t cls, uint32_t keep) {
  struct sll_state *state = &cache->state[cls];
  struct block *last = cache->list[cls].head;
  for (uint32_t i = 1; i < keep && block_can_pop(last->next); i++) last = last->next;
  struct chain rest = {last->next, state->length - keep};
  if (!block_can_pop(last->next)) return CHAIN_EMPTY; /* a broken header in mid-list: the pop that reaches it will say so */
  last->next = BLOCK_END;
  state->length = keep;
  return rest;
}

/*
 * ---- Drain. ----
 *
 * A list that is too long keeps its warm half; the cold half becomes the spare list, and the spare list that was there goes to
 * the pool, whole. So the next drain or refill is half a list away whatever comes. A spare list that was not used for
 * an interval goes to the pool, too.
 */
static void drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  struct sll *list = &cache->list[cls];
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  const uint32_t before = state->length + list->spare_count;
  struct chain out = CHAIN_EMPTY;
  if (reason == DRAIN_LENGTH) {
    out = take_spare(cache, cls);
    const struct chain cold = cut_list(cache, cls, cache->state[cls].most / 2);
    list->spare = cold.head;
    list->spare_count = cold.count;
    state->spare_idle = 0;
  } else {
    if (state->spare_idle != 0) out = take_spare(cache, cls);
    state->since_drain = 0;
    state->spare_idle = 1;
  }
  arm(cache, cls);
  const uint32_t slabs = hand_over(cls, out);
  if (reason == DRAIN_LENGTH && out.count == 0) return; /* nothing left the thread */
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = before, .moved = out.count, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

/* Empties both lists of a class: at the end of the thread into the pool, for a trim back into the slabs. */
static void drain_all(struct sll_cache *cache, uint32_t cls, enum drain_reason reason) {
  sll_publish(cache, cls);
  const uint64_t start = hub_ticks();
  struct chain list = take_list(cache, cls), spare = take_spare(cache, cls);
  arm(cache, cls);
  const uint32_t moved = list.count + spare.count;
  uint32_t slabs = 0;
  if (moved == 0) return;
  if (reason == DRAIN_EXIT && list.count >= cache->state[cls].most / 4) slabs += hand_over(cls, list);
  else if (list.count != 0) slabs += sll_return_blocks(cls, list, reason == DRAIN_TRIM);
  if (reason == DRAIN_EXIT) slabs += hand_over(cls, spare);
  else if (spare.count != 0) slabs += sll_return_blocks(cls, spare, true);
  EVENT(tls_sll_drain, .cls = cls, .reason = reason, .before = moved, .moved = moved, .slabs = slabs,
        .ticks = hub_ticks() - start);
}

void sll_trim(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) drain_all(cache, cls, DRAIN_TRIM);
}

/* ---- Refill. ---- */

/* Everything that could have served: what other threads' lists hold of the class, and what the pool has left. */
static struct chain refill_by_legacy(uint32_t cls, uint32_t most, enum fail_reason reason) {
  struct pool_totals totals;
  struct pool_usage usage;
  uint64_t allocs, frees;
  static_assert((int)LEGACY_LIMIT == (int)FAIL_LIMIT && (int)LEGACY_OS_ENOMEM == (int)FAIL_OS_ENOMEM &&
                (int)LEGACY_NO_ADDRESS_SPACE == (int)FAIL_NO_ADDRESS_SPACE, "legacy's reasons begin with shared_fail's");
  pool_totals(&totals);
  pool_usage(cls, &usage);
  const uint32_t stack = hub_stack();
  EVENT(shared_fail, .cls = cls, .reason = reason, .active = totals.active, .limit = config.ss_limit,
        .free_slabs = totals.free_units, .free_blocks = sll_cached(cls, &allocs, &frees) + usage.batched, .stack = stack);
  return legacy_refill(cls, most, (enum legacy_reason)reason, stack);
}

bool sll_refill(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
  struct sll_state *state = &cache->state[cls];
  const uint64_t start = hub_ticks();
  sll_publish(cache, cls);
  struct pool_answer answer = {.chain = take_spare(cache, cls), .source = REFILL_SPARE};
  state->spare_idle = 0;
  if (answer.chain.count == 0) {
    answer = pool_refill(cls, state->refill);
    if (answer.chain.count == 0) {
      answer.chain = refill_by_legacy(cls, state->refill, answer.reason);
      answer.source = REFILL_LEGACY;
    }
    if (answer.chain.count == 0) return false;
    state->refill = least(state->refill * 2u, state->most / 2u) & 0x7fff;
  }
  /* A sink may have come back through malloc or free meanwhile and left a list; and again while that one is handed over. */
  for (sll_publish(cache, cls); state->length != 0; sll_publish(cache, cls)) hand_over(cls, take_list(cache, cls));
  list->head = answer.chain.head;
  state->length = answer.chain.count;
  arm(cache, cls);
  EVENT(tls_sll_refill, .cls = cls, .blocks = answer.chain.count, .source = answer.source, .ticks = hub_ticks() - start);
  return true;
}

/* ---- One operation: it counts itself by a step of the budget, unless that was taken on the fast path already. ---- */

struct block *sll_pop(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
  struct block *block = list->head;
  list->head = block->next;
  header_set(block, list->live);
  if (list->alloc_budget >= 0) list->alloc_budget--;
  publish(cache, cls);
  arm(cache, cls);
  return block;
}

void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block) {
  struct sll *list = &cache->list[cls];
  struct sll_state *state = &cache->state[cls];
  block->next = list->head;
  list->head = block;
  if (list->free_budget >= 0) list->free_budget--;
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

#if HAKMEM_EVENTS
/* Whether the list can go on with `block`: the end of it, or a block of this class. */
static bool is_link(const struct block *block, uint32_t cls) {
  if (block == BLOCK_END) return true;
  const struct slab *slab = directory_slab(block);
  return slab != NULL && slab->cls == cls && slab_block_of(slab, block) == block;
}

void sll_drop_head(struct sll_cache *cache, uint32_t cls) {
  struct sll *list = &cache->list[cls];
  struct sll_state *state = &cache->state[cls];
  sll_publish(cache, cls);
  struct block *bad = list->head;
  const struct slab *slab = directory_slab(bad);
  const uint8_t got = header_get(bad);
  if (!is_link(bad, cls) || got == list->live) {
    /* The block before it was written to after its free, and led here: this is somebody's memory, not to be touched. */
    list->head = BLOCK_END;
    state->length = 0;
    arm(cache, cls);
    misuse_link(cls, bad, got);
    return;
  }
  header_set(bad, HEADER_FREE);
  const bool linked = is_link(bad->next, cls);
  if (linked && state->length > 1) {
    list->head = bad->next;
    state->length--;
  } else {
    list->head = BLOCK_END;
    state->length = 0;
  }
  arm(cache, cls);
  misuse_header(slab, bad, got, linked ? MISUSE_FREE : MISUSE_OVERWRITTEN);
}
#else
void sll_drop_head(struct sll_cache *cache, uint32_t cls) { (void)cache, (void)cls; }
#endif

/* ---- Threads. ---- */

static struct sll_cache *take_cache(void) {
  pthread_mutex_lock(&registry.lock);
  struct sll_cache *cache = registry.unused;
  if (cache != NULL) registry.unused = cache->next;
  pthread_mutex_unlock(&registry.lock);
  if (cache == NULL) cache = os_metadata(sizeof(struct sll_cache));
  if (cache == NULL) return NULL;
  *cache = (struct sll_cache){.directory = directory_to_use()};
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cache->list[cls] = (struct sll){.head = BLOCK_END, .spare = BLOCK_END, .live = header_live(cls)};
    struct sll_state *state = &cache->state[cls];
    state->most = list_max(cls);
    state->refill = least(FIRST_REFILL, state->most / 2u) & 0x7fff;
  }
  pthread_mutex_lock(&registry.lock);
  cache->next = registry.live;
  if (registry.live != NULL) registry.live->prev = cache;
  registry.live = cache;
  __atomic_store_n(&registry.live_count, registry.live_count + 1, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&registry.lock);
  return cache;
}

static void drop_cache(struct sll_cache *cache) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) drain_all(cache, cls, DRAIN_EXIT);
  pthread_mutex_lock(&registry.lock);
  if (cache->prev != NULL) cache->prev->next = cache->next;
  else registry.live = cache->next;
  if (cache->next != NULL) cache->next->prev = cache->prev;
  __atomic_store_n(&registry.live_count, registry.live_count - 1, __ATOMIC_RELAXED);
  cache->next = registry.unused;
  registry.unused = cache;
  pthread_mutex_unlock(&registry.lock);
}

/* Runs among the thread's TLS destructors; those after it may still call malloc, and borrow. */
static void end_thread(void *arg) {
  struct sll_cache *cache = arg;
  thread_ended = true;
  sll_self = &sll_empty;
  drop_cache(cache);
  EVENT(thread_exit, .live_caches = live_caches());
}

struct sll_cache *sll_enter(void) {
  if (LIKELY(sll_self != &sll_empty)) return sll_self;
  struct sll_cache *cache = take_cache();
  if (cache == NULL || thread_ended) return cache;
  if (sll_self != &sll_empty) { /* a sink of the mapping's event came back through malloc, and has made them */
    drop_cache(cache);
    return sll_self;
  }
  sll_self = cache;
  pthread_setspecific(thread_key, cache); /* may call malloc: sll_self is set */
  EVENT(thread_start, .live_caches = live_caches());
  return cache;
}

/* What is done now and then, by whoever comes by. */
static void scavenge_if_due(void) {
  const uint64_t now = os_now_ms();
  uint64_t due = __atomic_load_n(&next_scavenge_ms, __ATOMIC_RELAXED);
  if (now < due) return;
  /* Whoever wins the exchange does the work; the others go on. */
  const uint64_t next = now + config.release_delay / 2 + 1;
  if (!__atomic_compare_exchange_n(&next_scavenge_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  pool_scavenge(false, 0, legacy_return_blocks);
  legacy_scavenge(false);
}

bool sll_take_sample(struct sll_cache *cache) {
  const bool due = cache->sample_next || sll_goes_slow();
  cache->sample_next = false;
  cache->directory = directory_to_use();
  return due;
}

void sll_leave(struct sll_cache *cache) {
  if (HAKMEM_EVENTS && config.sample != 0 && cache->operations >= config.sample) {
    cache->operations = 0;
    cache->sample_next = true;
    cache->directory = &directory_blind;
  }
  if (++cache->visits % VISITS_PER_CHECK == 0) {
    scavenge_if_due();
    hub_tick();
  }
  if (UNLIKELY(thread_ended)) drop_cache(cache);
}

/* ---- Over all threads. ---- */

/* The other threads' budgets are plain words, because their owners change them on the fast paths. */
READS_RACILY uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  uint64_t cached = 0;
  *allocs = *frees = 0;
  for (const struct sll_cache *cache = registry.live; cache != NULL; cache = cache->next) {
    const struct sll *list = &cache->list[cls];
    const struct sll_state *state = &cache->state[cls];
    const int64_t pops = state->alloc_armed - list->alloc_budget, pushes = state->free_armed - list->free_budget;
    const int64_t length = (int64_t)state->length + pushes - pops;
    if (pops > 0) *allocs += (uint64_t)pops;
    if (pushes > 0) *frees += (uint64_t)pushes;
    if (length > 0) cached += (uint64_t)length;
    cached += list->spare_count;
  }
  return cached;
}

void sll_publish_own(void) {
  if (sll_self == &sll_empty) return;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    sll_publish(sll_self, cls);
    arm(sll_self, cls);
  }
}

void sll_publish_all(void) {
  sll_publish_own();
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    uint64_t allocs, frees;
    sll_cached(cls, &allocs, &frees);
    if ((allocs | frees) != 0) hub_count(cls, allocs, frees);
  }
}

void sll_start(void) { pthread_key_create(&thread_key, end_thread); }

void sll_fork_prepare(void) { pthread_mutex_lock(&registry.lock); }
void sll_fork_release(void) { pthread_mutex_unlock(&registry.lock); }

/* The other threads are gone, perhaps in the middle of an operation: their lists must not be touched again. */
void sll_fork_child(void) {
  pthread_mutex_init(&registry.lock, NULL);
  struct sll_cache *own = sll_self != &sll_empty ? sll_self : NULL;
  registry.live = own;
  registry.live_count = own != NULL ? 1 : 0;
  if (own != NULL) own->next = own->prev = NULL;
}
