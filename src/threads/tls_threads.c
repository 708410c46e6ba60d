/*
 * Which thread has which lists: they are made when a thread first comes by, given up when it ends, and read by whoever asks for
 * totals over all threads.
 */
#include <pthread.h>

#include "checker_hooks.h"
#include "probe.h"
#include "platform/config.h"
#include "slabs/legacy.h"
#include "memory/os.h"
#include "modes/quarantine.h"
#include "slabs/shared_pool.h"
#include "tls_lists.h"

#define VISITS_PER_LOOK 8u  /* slow-path visits from one look at the clock to the next, */
#define VISITS_PER_TICK 16u /* and from one hub_tick to the next */
#define RESTED_MS 20u /* longer than the steps of the clock */
#define SCAVENGES_PER_DELAY 4u /* of HAKMEM_RELEASE_DELAY: each looks at a part of what there may be to purge */

struct sll_cache sll_empty = {
  .directory = &directory_blind,
  .head = {[0 ... CLASS_COUNT - 1] = BLOCK_END},
};
__thread struct sll_cache *sll_self = &sll_empty;

/* The thread's lists, or NULL. Where hub_checked, sll_self stays empty: the fast paths must not look at a header. */
static __thread struct sll_cache *own __attribute__((tls_model("initial-exec")));

/* Set by the thread's destructor: from then on it borrows. */
static __thread bool thread_ended __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_key;

/*
 * Places for lists that no thread has, for those that begin: their memory is given back. One in some hundred has the list of the others.
 */
#define OTHERS 500
struct unused {
  struct unused *next;
  uint32_t count;
  void *others[OTHERS];
};
static_assert(sizeof(struct unused) <= 4096 && sizeof(struct unused) <= sizeof(struct sll_cache), "the list takes a page of a place");

/*
 * The lists of a thread that ended wait, shortened, for the next thread that begins: where threads come and go, what one of them drained would be
 * what the next one refills. They stay among the live ones; what nobody took for a while is drained by whoever comes by. When a thread ends, as many
 * wait at most as threads run then, and one more.
 */
static struct {
  struct lock lock;
  struct sll_cache *live;
  struct unused *unused;
  struct sll_cache *waiting; /* a part of the live ones, the last to end first */
  uint32_t waiting_count;    /* those on their way there, too */
  uint32_t running; /* live ones that a thread has; atomic, changes under the lock */
} registry;

uint32_t sll_running(void) { return __atomic_load_n(&registry.running, __ATOMIC_RELAXED); }
/* The lock is held. */
static void set_running(uint32_t running) { __atomic_store_n(&registry.running, running, __ATOMIC_RELAXED); }

static uint64_t next_scavenge_ms; /* atomic */

/* The lock is held. NULL where there is none. */
static void *take_unused(void) {
  struct unused *unused = registry.unused;
  if (unused == NULL) return NULL;
  if (unused->count > 0) return unused->others[--unused->count];
  registry.unused = unused->next;
  return unused;
}

static void put_unused(void *place) {
  os_metadata_rest(place, sizeof(struct sll_cache));
  lock_take(&registry.lock);
  struct unused *unused = registry.unused;
  if (unused != NULL && unused->count < OTHERS) {
    unused->others[unused->count++] = place;
  } else {
    registry.unused = place;
    registry.unused->next = unused;
    registry.unused->count = 0;
  }
  lock_release(&registry.lock);
}

static const struct directory *directory_to_use(void) {
  return sll_goes_slow() || config.lookup != STRATEGY_DIRECTORY ? &directory_blind : &directory;
}

/* The lists of the thread that ended last, or new ones; NULL where there is no memory. */
static struct sll_cache *take_cache(void) {
  const uint64_t now = os_now_ms();
  lock_take(&registry.lock);
  struct sll_cache *cache = registry.waiting;
  const bool waited = cache != NULL;
  if (waited) {
    registry.waiting = cache->after;
    registry.waiting_count--;
    set_running(registry.running + 1);
    cache->owned = !thread_ended;
    cache->seen_ms = now;
  } else {
    cache = take_unused();
  }
  lock_release(&registry.lock);
  if (waited) return cache;
  if (cache != NULL) os_metadata_wake(sizeof(struct sll_cache));
  else if ((cache = os_metadata_pages(sizeof(struct sll_cache))) == NULL) return NULL;
  *cache = (struct sll_cache){.directory = directory_to_use(), .decay_ms = now + config.release_delay, .owned = !thread_ended, .seen_ms = now};
  sll_init(cache);
  lock_take(&registry.lock);
  cache->next = registry.live;
  if (registry.live != NULL) registry.live->prev = cache;
  registry.live = cache;
  set_running(registry.running + 1);
  lock_release(&registry.lock);
  return cache;
}

struct sll_cache *sll_claim_idle(uint64_t before_ms, uint32_t round, uint32_t most) {
  struct sll_cache *first = NULL;
  uint32_t count = 0;
  lock_take(&registry.lock);
  for (struct sll_cache *cache = registry.live; cache != NULL && count < most; cache = cache->next) {
    if (!cache->owned || cache == own || cache->round == round || __atomic_load_n(&cache->seen_ms, __ATOMIC_RELAXED) > before_ms) continue;
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

/* Lists that are empty, and nobody's, go out of the live ones. */
static void retire(struct sll_cache *cache) {
  sll_give_all_shares(cache);
  lock_take(&registry.lock);
  if (cache->prev != NULL) cache->prev->next = cache->next;
  else registry.live = cache->next;
  if (cache->next != NULL) cache->next->prev = cache->prev;
  lock_release(&registry.lock);
  put_unused(cache);
}

/* Books a thread out: no other one has its lists, or will. Whether they are to wait for the next one. */
static bool is_to_wait(struct sll_cache *cache) {
  lock_take(&registry.lock);
  cache->owned = false;
  set_running(registry.running - (registry.running > 0)); /* 0 in a child that a handler forked while the lists were made */
  const bool waits = registry.waiting_count <= registry.running && !hub_checked;
  registry.waiting_count += waits;
  lock_release(&registry.lock);
  sll_hold(cache);
  sll_let_go(cache);
  return waits;
}

/* Lists without a thread wait for the next one, or are drained where enough do. */
static NOINLINE void drop_cache(struct sll_cache *cache) {
  if (is_to_wait(cache)) {
    sll_shorten(cache);
    cache->ended_ms = os_now_ms();
    lock_take(&registry.lock);
    cache->after = registry.waiting;
    registry.waiting = cache;
    lock_release(&registry.lock);
  } else {
    sll_drain_all(cache, DRAIN_EXIT);
    retire(cache);
  }
}

/* Takes out lists that wait since `before_ms` or longer; NULL where there are none. */
static struct sll_cache *take_ended(uint64_t before_ms) {
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

static bool drain_ended(uint64_t before_ms, enum drain_reason reason) {
  bool any = false;
  for (struct sll_cache *cache; (cache = take_ended(before_ms)) != NULL; any = true) {
    sll_drain_all(cache, reason);
    retire(cache);
  }
  return any;
}

void sll_audit_ended(void) {
  lock_take(&registry.lock);
  struct sll_cache *first = registry.waiting, *last = NULL;
  registry.waiting = NULL;
  lock_release(&registry.lock);
  for (struct sll_cache *cache = first; cache != NULL; cache = cache->after) {
    sll_audit(cache);
    last = cache;
  }
  if (last == NULL) return;
  lock_take(&registry.lock);
  last->after = registry.waiting;
  registry.waiting = first;
  lock_release(&registry.lock);
}

bool sll_trim_ended(void) { return drain_ended(UINT64_MAX, DRAIN_TRIM); }

/* Runs among the thread's TLS destructors; those after it may still call malloc, and borrow. */
static void end_thread(void *arg) {
  struct sll_cache *cache = arg;
  thread_ended = true;
  sll_self = &sll_empty;
  own = NULL;
  hub_hold();
  drop_cache(cache);
  hub_release();
  EVENT(thread_exit, .live_caches = sll_running());
}

static struct sll_cache *own_or_borrowed(void) {
  if (own != NULL) return own;
  struct sll_cache *cache = take_cache();
  if (cache == NULL || thread_ended) return cache;
  if (own != NULL) { /* a sink of the mapping's event came back through malloc, and has made them */
    drop_cache(cache);
    return own;
  }
  own = cache;
  if (!hub_checked) sll_self = cache;
  pthread_setspecific(thread_key, cache); /* may call malloc: the lists are there */
  EVENT(thread_start, .live_caches = sll_running());
  return cache;
}

struct sll_cache *sll_enter(void) {
  struct sll_cache *cache = sll_self;
  if (UNLIKELY(cache == &sll_empty)) {
    cache = own_or_borrowed();
    if (cache == NULL) return NULL;
    hub_hold();
  }
  sll_hold(cache);
  return cache;
}

/* So long a thread has not been in its slow path whose lists are collected. */
static uint64_t idle_ms(void) { return config.release_delay > RESTED_MS ? config.release_delay : RESTED_MS; }

/* What is done now and then, by threads in their slow paths. */
static void scavenge_if_due(uint64_t now) {
  uint64_t due = __atomic_load_n(&next_scavenge_ms, __ATOMIC_RELAXED);
  if (now < due) return;
  /* Whoever wins the exchange does the work; the others go on. */
  const uint64_t next = now + config.release_delay / SCAVENGES_PER_DELAY + 1;
  if (!__atomic_compare_exchange_n(&next_scavenge_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  if (now > config.release_delay / 2) drain_ended(now - config.release_delay / 2, DRAIN_IDLE);
  if (now > idle_ms()) sll_collect_idle(now - idle_ms(), DRAIN_IDLE);
  pool_scavenge(false, 0, sll_return_blocks);
  legacy_scavenge(false);
}

bool sll_take_sample(struct sll_cache *cache) {
  const bool due = cache->sample_next || sll_goes_slow();
  cache->sample_next = false;
  cache->directory = directory_to_use();
  return due;
}

/*
 * A thread that rested enters its slow path again with its next few operations, then ever more seldom: it may rest again, and in a process that makes few
 * calls it is the one that gives memory back. Whether it rested.
 */
static bool keep_pace(struct sll_cache *cache, uint64_t now) {
  const bool rested = now > cache->seen_ms + RESTED_MS;
  __atomic_store_n(&cache->seen_ms, now, __ATOMIC_RELAXED);
  if (rested) cache->pace = 1;
  else if (cache->pace < PACE_MAX) cache->pace *= 2;
  return rested;
}

static NOINLINE void look_at_clock(struct sll_cache *cache) {
  const uint64_t now = os_now_ms();
  const bool rested = keep_pace(cache, now);
  if (now >= cache->decay_ms) {
    cache->decay_ms = now + config.release_delay / 2 + 1;
    sll_decay(cache);
  }
  scavenge_if_due(now);
  if (rested || cache->visits % VISITS_PER_TICK == 0) hub_tick();
}

void sll_leave(struct sll_cache *cache) {
  if (HAKMEM_EVENTS && config.sample != 0 && cache->operations >= config.sample) {
    cache->operations = 0;
    cache->sample_next = true;
    cache->directory = &directory_blind;
  }
  cache->visits++;
  if (cache->pace < PACE_MAX || cache->visits % VISITS_PER_LOOK == 0) look_at_clock(cache);
  sll_let_go(cache);
  if (UNLIKELY(thread_ended)) drop_cache(cache);
  hub_release();
}

/* ---- Over all threads. ---- */

/* Steps since the budget was armed; not those of one that is being collected. */
static int64_t taken_of(int32_t armed, int32_t budget) { return budget > BUDGET_CLAIMED / 2 || armed < 0 ? (int64_t)armed - budget : 0; }

/* Adds what was popped and pushed since the list was armed, and returns its length. */
static READS_RACILY uint64_t look_at(const struct sll_cache *cache, uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  const struct sll_state *state = &cache->state[cls];
  const int64_t pops = taken_of(state->alloc_armed, cache->budget[cls].alloc), pushes = taken_of(state->free_armed, cache->budget[cls].free);
  const int64_t length = (int64_t)state->length + pushes - pops;
  if (pops > 0) *allocs += (uint64_t)pops;
  if (pushes > 0) *frees += (uint64_t)pushes;
  return length > 0 ? (uint64_t)length : 0;
}

/* The other threads' budgets are plain words, because their owners change them on the fast paths. */
READS_RACILY uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  uint64_t cached = quarantine_count(cls);
  *allocs = *frees = 0;
  for (const struct sll_cache *cache = registry.live; cache != NULL; cache = cache->next) {
    cached += look_at(cache, cls, allocs, frees) + cache->state[cls].spare_count;
  }
  return cached;
}

void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  *allocs = *frees = 0;
  if (own != NULL) look_at(own, cls, allocs, frees);
}

void sll_publish_all(void) {
  if (own != NULL) {
    sll_hold(own);
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_rearm(own, cls);
    sll_let_go(own);
  }
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    uint64_t allocs, frees;
    sll_cached(cls, &allocs, &frees);
    if ((allocs | frees) != 0) hub_count(cls, allocs, frees);
  }
}

void sll_start(void) {
  sll_prepare();
  pthread_key_create(&thread_key, end_thread);
}

const struct lock_row sll_locks = LOCK_ROW(registry.lock);

void sll_fork_prepare(void) {
  if (own != NULL) sll_hold(own);
}

/* The lists may be newer than the fork. */
void sll_fork_parent(void) {
  if (own != NULL && own->busy != 0) sll_let_go(own);
}

/*
 * The other threads are gone, perhaps in the middle of an operation: their lists must not be touched again. Nobody had those that wait. If this thread itself is
 * in the middle of a change, because a signal handler forked, all stay: they are read for totals alone.
 */
void sll_fork_child(void) {
  sll_idle_fork_child();
  if (own != NULL) own->claim = CLAIM_NONE; /* a thread that had just claimed it would have let go again */
  sll_fork_parent();
  if (lock_is_held(&registry.lock)) return;
  registry.live = own;
  registry.running = own != NULL ? 1 : 0;
  if (own != NULL) own->next = own->prev = NULL;
  registry.waiting_count = 0;
  for (struct sll_cache *cache = registry.waiting; cache != NULL; cache = cache->after, registry.waiting_count++) {
    cache->prev = NULL;
    cache->next = registry.live;
    if (registry.live != NULL) registry.live->prev = cache;
    registry.live = cache;
  }
  sll_share_alone(registry.live);
}
