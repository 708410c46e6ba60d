/*
 * Which thread has which lists: they are made when a thread first comes by, given up when it ends, and read by whoever asks for
 * totals over all threads.
 */
#include <pthread.h>

#include "config.h"
#include "legacy.h"
#include "os.h"
#include "quarantine.h"
#include "shared_pool.h"
#include "tls_sll.h"

#define VISITS_PER_CHECK 16u /* slow-path visits between two looks at the clock */
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
 * The lists of a thread that ended wait, shortened, for the next thread that begins: where threads come and go, what one of them drained would be
 * what the next one refills. They stay among the live ones; what nobody took for a while is drained by whoever comes by. When a thread ends, as many
 * wait at most as threads run then, and one more.
 */
static struct {
  struct lock lock;
  struct sll_cache *live, *unused;
  struct sll_cache *waiting; /* a part of the live ones, the last to end first */
  uint32_t waiting_count;    /* those on their way there, too */
  uint32_t running; /* live ones that a thread has; atomic, changes under the lock */
} registry;

uint32_t sll_running(void) { return __atomic_load_n(&registry.running, __ATOMIC_RELAXED); }
/* The lock is held. */
static void set_running(uint32_t running) { __atomic_store_n(&registry.running, running, __ATOMIC_RELAXED); }

static uint64_t next_scavenge_ms; /* atomic */

static const struct directory *directory_to_use(void) {
  return sll_goes_slow() || config.lookup != STRATEGY_DIRECTORY ? &directory_blind : &directory;
}

/* The lists of the thread that ended last, or new ones; NULL where there is no memory. */
static struct sll_cache *take_cache(void) {
  lock_take(&registry.lock);
  struct sll_cache *cache = registry.waiting;
  const bool waited = cache != NULL;
  if (waited) {
    registry.waiting = cache->after;
    registry.waiting_count--;
    set_running(registry.running + 1);
  } else if ((cache = registry.unused) != NULL) {
    registry.unused = cache->next;
  }
  lock_release(&registry.lock);
  if (waited) return cache;
  if (cache == NULL) cache = os_metadata(sizeof(struct sll_cache));
  if (cache == NULL) return NULL;
  *cache = (struct sll_cache){.directory = directory_to_use(), .decay_ms = os_now_ms() + config.release_delay};
  sll_init(cache);
  lock_take(&registry.lock);
  cache->next = registry.live;
  if (registry.live != NULL) registry.live->prev = cache;
  registry.live = cache;
  set_running(registry.running + 1);
  lock_release(&registry.lock);
  return cache;
}

/* Lists that are empty, and nobody's, go out of the live ones. */
static void retire(struct sll_cache *cache) {
  lock_take(&registry.lock);
  if (cache->prev != NULL) cache->prev->next = cache->next;
  else registry.live = cache->next;
  if (cache->next != NULL) cache->next->prev = cache->prev;
  cache->next = registry.unused;
  registry.unused = cache;
  lock_release(&registry.lock);
}

/* Books a thread out. Whether its lists are to wait for the next one. */
static bool is_to_wait(void) {
  lock_take(&registry.lock);
  set_running(registry.running - (registry.running > 0)); /* 0 in a child that a handler forked while the lists were made */
  const bool waits = registry.waiting_count <= registry.running && !hub_checked;
  registry.waiting_count += waits;
  lock_release(&registry.lock);
  return waits;
}

/* Lists without a thread wait for the next one, or are drained where enough do. */
static void drop_cache(struct sll_cache *cache) {
  if (is_to_wait()) {
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
  if (LIKELY(sll_self != &sll_empty)) return sll_self;
  struct sll_cache *cache = own_or_borrowed();
  if (cache != NULL) hub_hold();
  return cache;
}

/* What is done now and then, by whoever comes by. */
static void scavenge_if_due(uint64_t now) {
  uint64_t due = __atomic_load_n(&next_scavenge_ms, __ATOMIC_RELAXED);
  if (now < due) return;
  /* Whoever wins the exchange does the work; the others go on. */
  const uint64_t next = now + config.release_delay / SCAVENGES_PER_DELAY + 1;
  if (!__atomic_compare_exchange_n(&next_scavenge_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  if (now > config.release_delay / 2) drain_ended(now - config.release_delay / 2, DRAIN_IDLE);
  pool_scavenge(false, 0, sll_return_blocks);
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
    const uint64_t now = os_now_ms();
    if (now >= cache->decay_ms) {
      cache->decay_ms = now + config.release_delay / 2 + 1;
      sll_decay(cache);
    }
    scavenge_if_due(now);
    hub_tick();
  }
  if (UNLIKELY(thread_ended)) drop_cache(cache);
  hub_release();
}

/* ---- Over all threads. ---- */

/* Adds what was popped and pushed since the list was armed, and returns its length. */
static READS_RACILY uint64_t look_at(const struct sll_cache *cache, uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  const struct sll_state *state = &cache->state[cls];
  const int64_t pops = state->alloc_armed - cache->budget[cls].alloc, pushes = state->free_armed - cache->budget[cls].free;
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
    cached += look_at(cache, cls, allocs, frees) + cache->state[cls].spare.count;
  }
  return cached;
}

void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  *allocs = *frees = 0;
  if (own != NULL) look_at(own, cls, allocs, frees);
}

void sll_publish_all(void) {
  if (own != NULL) {
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sll_rearm(own, cls);
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

/*
 * The other threads are gone, perhaps in the middle of an operation: their lists must not be touched again. Nobody had those that wait. If this thread itself is
 * in the middle of a change, because a signal handler forked, all stay: they are read for totals alone.
 */
void sll_fork_child(void) {
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
}
