#include "tls_lists.h"

#include "checker_hooks.h"
#include "memory/os.h"
#include "memory/places.h"
#include "modes/retired.h"

struct sll_cache sll_empty = {
  .directory = &directory_blind,
  .head = {[0 ... CLASS_COUNT - 1] = BLOCK_END},
};
__thread struct sll_cache *sll_self = &sll_empty;

/*
 * The lists of a thread that ended are shortened, and wait for the next thread that begins. If threads start and end often, this saves draining blocks that
 * the next thread would refill. Waiting lists stay among the live ones. Threads in their slow paths drain those that have waited for a while. When a
 * thread ends, at most as many wait as threads run then, and one more.
 */
static struct {
  struct lock lock;
  struct sll_cache *live;
  struct places unused;
  struct sll_cache *waiting; /* a part of the live ones, the last to end first */
  uint32_t waiting_count;    /* includes lists that are about to wait */
  uint32_t running;          /* live lists that a thread has; atomic, changes under the lock */
} registry;

const struct lock_row sll_locks = LOCK_ROW(registry.lock);

uint32_t sll_running(void) { return __atomic_load_n(&registry.running, __ATOMIC_RELAXED); }
/* The lock is held. */
static void set_running(uint32_t running) { __atomic_store_n(&registry.running, running, __ATOMIC_RELAXED); }

const struct sll_cache *sll_live(void) { return registry.live; }

static_assert(sizeof(struct sll_cache) >= PLACES_LEAST, "lists are a place");

struct sll_cache *sll_new(void) {
  lock_take(&registry.lock);
  struct sll_cache *cache = places_take(&registry.unused);
  lock_release(&registry.lock);
  if (cache == NULL) return os_metadata_pages(sizeof(struct sll_cache));
  os_metadata_wake(sizeof(struct sll_cache));
  return cache;
}

/* ---- Live lists. ---- */

/* The lock is held. */
static void link_live(struct sll_cache *cache) {
  cache->prev = NULL;
  cache->next = registry.live;
  if (registry.live != NULL) registry.live->prev = cache;
  registry.live = cache;
}

void sll_add(struct sll_cache *cache) {
  lock_take(&registry.lock);
  link_live(cache);
  set_running(registry.running + 1);
  lock_release(&registry.lock);
}

void sll_remove(struct sll_cache *cache) {
  lock_take(&registry.lock);
  if (cache->prev != NULL) cache->prev->next = cache->next;
  else registry.live = cache->next;
  if (cache->next != NULL) cache->next->prev = cache->prev;
  lock_release(&registry.lock);
  os_metadata_rest(cache, sizeof(struct sll_cache));
  lock_take(&registry.lock);
  places_put(&registry.unused, cache);
  lock_release(&registry.lock);
}

struct sll_cache *sll_claim_idle(uint64_t before_ms, uint32_t round, uint32_t most) {
  struct sll_cache *first = NULL;
  uint32_t count = 0;
  lock_take(&registry.lock);
  for (struct sll_cache *cache = registry.live; cache != NULL && count < most; cache = cache->next) {
    if (!cache->owned || cache == sll_self || cache->round == round || __atomic_load_n(&cache->seen_ms, __ATOMIC_RELAXED) > before_ms) continue;
    uint32_t none = CLAIM_NONE;
    if (!__atomic_compare_exchange_n(&cache->claim, &none, CLAIM_HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) continue;
    cache->round = round;
    cache->after = first;
    first = cache;
    count++;
  }
  lock_release(&registry.lock);
  return first;
}

/* ---- Lists whose thread ended. ---- */

bool sll_thread_ended(struct sll_cache *cache) {
  lock_take(&registry.lock);
  cache->owned = false;
  set_running(registry.running - (registry.running > 0)); /* it is 0 in a child that a signal handler forked while the lists were made */
  const bool waits = registry.waiting_count <= registry.running && !hub_checked;
  registry.waiting_count += waits;
  lock_release(&registry.lock);
  return waits;
}

void sll_wait_for_thread(struct sll_cache *cache) {
  cache->ended_ms = os_now_ms();
  lock_take(&registry.lock);
  cache->after = registry.waiting;
  registry.waiting = cache;
  lock_release(&registry.lock);
}

struct sll_cache *sll_take_waiting(bool owned, uint64_t now) {
  lock_take(&registry.lock);
  struct sll_cache *cache = registry.waiting;
  if (cache != NULL) {
    registry.waiting = cache->after;
    registry.waiting_count--;
    set_running(registry.running + 1);
    cache->owned = owned;
    cache->seen_ms = now;
    cache->tid = os_thread();
  }
  lock_release(&registry.lock);
  return cache;
}

struct sll_cache *sll_take_ended(uint64_t before_ms) {
  lock_take(&registry.lock);
  struct sll_cache **place = &registry.waiting;
  while (*place != NULL && (*place)->ended_ms > before_ms) place = &(*place)->after;
  struct sll_cache *cache = *place;
  if (cache != NULL) {
    *place = cache->after;
    registry.waiting_count--;
  }
  lock_release(&registry.lock);
  return cache;
}

struct sll_cache *sll_take_all_waiting(void) {
  lock_take(&registry.lock);
  struct sll_cache *first = registry.waiting;
  registry.waiting = NULL;
  lock_release(&registry.lock);
  return first;
}

void sll_put_all_waiting(struct sll_cache *first) {
  if (first == NULL) return;
  struct sll_cache *last = first;
  while (last->after != NULL) last = last->after;
  lock_take(&registry.lock);
  last->after = registry.waiting;
  registry.waiting = first;
  lock_release(&registry.lock);
}

/* ---- Over all threads. ---- */

/* Steps since the budget was armed; 0 for a claimed budget, whose steps are not known. */
static int64_t taken_of(int32_t armed, int32_t budget) { return budget > BUDGET_CLAIMED / 2 || armed < 0 ? (int64_t)armed - budget : 0; }

READS_RACILY uint64_t sll_look_at(const struct sll_cache *cache, uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  const struct sll_state *state = &cache->state[cls];
  const int64_t pops = taken_of(state->alloc_armed, cache->budget[cls].alloc), pushes = taken_of(state->free_armed, cache->budget[cls].free);
  const int64_t length = (int64_t)state->length + pushes - pops;
  if (pops > 0) *allocs += (uint64_t)pops;
  if (pushes > 0) *frees += (uint64_t)pushes;
  return length > 0 ? (uint64_t)length : 0;
}

/* The other threads' budgets are plain words, because their owners change them on the fast paths. */
READS_RACILY uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  uint64_t cached = hub_checked ? retired_count(cls) : 0;
  *allocs = *frees = 0;
  for (const struct sll_cache *cache = registry.live; cache != NULL; cache = cache->next) {
    cached += sll_look_at(cache, cls, allocs, frees) + cache->state[cls].spare_count;
  }
  return cached;
}

READS_RACILY void sll_add_unpublished(uint64_t *allocs, uint64_t *frees) {
  for (const struct sll_cache *cache = registry.live; cache != NULL; cache = cache->next) {
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_look_at(cache, cls, &allocs[cls], &frees[cls]);
  }
}

READS_RACILY static struct sll_holding holding_of(const struct sll_cache *cache) {
  struct sll_holding h = {.tid = cache->owned ? cache->tid : 0, .seen_ms = __atomic_load_n(&cache->seen_ms, __ATOMIC_RELAXED)};
  uint64_t allocs = 0, frees = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    h.bytes += (sll_look_at(cache, cls, &allocs, &frees) + cache->state[cls].spare_count) * class_stride(cls);
  }
  return h;
}

READS_RACILY void sll_each_holding(sll_visit_holding *visit, void *context) {
  for (const struct sll_cache *cache = registry.live; cache != NULL; cache = cache->next) {
    const struct sll_holding h = holding_of(cache);
    visit(&h, context);
  }
}

/* Waiting lists have no thread, so they stay. */
bool sll_keep_alone(struct sll_cache *own) {
  if (lock_is_held(&registry.lock)) return false;
  registry.live = NULL;
  registry.running = own != NULL ? 1 : 0;
  if (own != NULL) link_live(own);
  registry.waiting_count = 0;
  for (struct sll_cache *cache = registry.waiting; cache != NULL; cache = cache->after, registry.waiting_count++) link_live(cache);
  return true;
}

/* ---- Validity. ---- */

/* Whether exactly `count` free blocks of the class follow each other from `block` on. */
static bool is_chain(uint32_t cls, const struct block *block, uint64_t count) {
  for (; count > 0; count--, block = block_next(block)) {
    if (!directory_begins(cls, block) || !block_can_pop(block)) return false;
  }
  return block == BLOCK_END;
}

bool sll_is_valid(const struct sll_cache *cache) {
  if (cache->claim != CLAIM_NONE && cache->claim != CLAIM_COLLECTED) return false;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct sll_state *state = &cache->state[cls];
    const struct sll_budget *budget = &cache->budget[cls];
    uint64_t allocs = 0, frees = 0;
    if (cache->live[cls] != header_live(cls) || state->use > USE_TAKEN) return false;
    if (cache->claim == CLAIM_NONE && (budget->alloc > state->alloc_armed || budget->free > state->free_armed)) return false;
    if (state->use == USE_GIVEN && state->alloc_armed > 0) return false;
    if (!is_chain(cls, cache->head[cls], sll_look_at(cache, cls, &allocs, &frees))) return false;
    if (state->spare_count != 0 && !is_chain(cls, state->spare, state->spare_count)) return false;
  }
  return true;
}

bool sll_are_valid(void) {
  uint32_t waiting = 0, owned = 0;
  const struct sll_cache *last = NULL;
  for (const struct sll_cache *cache = registry.live; cache != NULL; last = cache, cache = cache->next) {
    if (cache->prev != last || !sll_is_valid(cache)) return false;
    owned += cache->owned;
  }
  for (const struct sll_cache *cache = registry.waiting; cache != NULL; cache = cache->after, waiting++) {
    if (cache->owned) return false;
  }
  return waiting == registry.waiting_count && owned == registry.running && places_are_valid(&registry.unused);
}

const struct layout_lists sll_layout = {.first = LAYOUT_NUMBER(registry.live),
                                        .size = sizeof(struct sll_cache),
                                        .next = LAYOUT_MEMBER(struct sll_cache, next),
                                        .alloc = LAYOUT_MEMBER(struct sll_cache, budget[0].alloc),
                                        .free = LAYOUT_MEMBER(struct sll_cache, budget[0].free),
                                        .alloc_armed = LAYOUT_MEMBER(struct sll_cache, state[0].alloc_armed),
                                        .free_armed = LAYOUT_MEMBER(struct sll_cache, state[0].free_armed),
                                        .length = LAYOUT_MEMBER(struct sll_cache, state[0].length),
                                        .spare_count = LAYOUT_MEMBER(struct sll_cache, state[0].spare_count),
                                        .owned = LAYOUT_MEMBER(struct sll_cache, owned),
                                        .tid = LAYOUT_MEMBER(struct sll_cache, tid),
                                        .seen_ms = LAYOUT_MEMBER(struct sll_cache, seen_ms),
                                        .budget_step = sizeof(struct sll_budget),
                                        .state_step = sizeof(struct sll_state),
                                        .claimed = BUDGET_CLAIMED / 2};
