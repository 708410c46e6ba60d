/*
 * A thread's lists are made when it first enters its slow path, and released when it ends.
 */
#include "tls_threads.h"

#include <pthread.h>

#include "checker_hooks.h"
#include "probe.h"
#include "platform/config.h"
#include "platform/random.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "slabs/legacy/legacy.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"
#include "slabs/units.h"
#include "modes/modes.h"
#include "tls_budget.h"
#include "tls_drain.h"
#include "tls_idle.h"

#define VISITS_PER_LOOK 8u     /* slow-path visits between two reads of the clock, */
#define VISITS_PER_TICK 16u    /* and between two calls of hub_tick */
#define RESTED_MS 20u          /* longer than the steps of the clock */
#define SCAVENGES_PER_DELAY 4u /* per HAKMEM_RELEASE_DELAY: each examines a part of the memory that may be purged */
#define SCAVENGE_STEPS 16u     /* a scavenge is done in this many steps, so that no call of the program takes the time of a whole one */
#define DECAYS_BEHIND 4u       /* a visit does the decay of one class, and of a quarter of the others that are due, so that no visit does all of them */

/* The thread's lists, or NULL. */
static __thread struct sll_cache *own __attribute__((tls_model("initial-exec")));

/* Set by the thread's destructor. From then on, the thread borrows lists for each operation. */
static __thread bool thread_ended __attribute__((tls_model("initial-exec")));
static pthread_key_t thread_key;

static uint64_t next_scavenge_ms; /* atomic */
static uint32_t scavenge_steps;   /* atomic */

struct sll_cache *sll_own(void) {
  return own;
}

/* Whether sll_self stays empty: a checker must see no header read, and the secure mode must see every operation. */
static bool stays_empty(void) { return hub_checked || MODE(secure); }

static const struct directory *directory_to_use(void) { return sll_goes_slow() || config.lookup != STRATEGY_DIRECTORY ? &directory_blind : &directory; }

/* The lists of the thread that ended last, or new ones; NULL if memory runs out. */
static struct sll_cache *take_cache(void) {
  const uint64_t now = os_now_ms();
  struct sll_cache *cache = sll_take_waiting(!thread_ended, now);
  if (cache != NULL) return cache;
  cache = sll_new();
  if (cache == NULL) return NULL;
  *cache = (struct sll_cache){
    .directory = directory_to_use(), .decay_ms = now + config.release_delay / 2, .owned = !thread_ended, .seen_ms = now, .tid = os_thread()};
  sll_init(cache);
  sll_add(cache);
  return cache;
}

/* Empties lists without a thread, and removes them. */
static void retire(struct sll_cache *cache, enum drain_reason reason) {
  sll_drain_all(cache, reason);
  sll_give_all_shares(cache);
  sll_remove(cache);
}

/* Lists without a thread wait for the next one; if enough lists wait already, they are removed. */
static NOINLINE void drop_cache(struct sll_cache *cache) {
  const bool waits = sll_thread_ended(cache);
  sll_hold(cache); /* from now on, no other thread claims them; if one had, it is done */
  sll_let_go(cache);
  if (!waits) return retire(cache, DRAIN_EXIT);
  sll_shorten(cache);
  sll_wait_for_thread(cache);
}

static bool drain_ended(uint64_t before_ms, enum drain_reason reason) {
  bool any = false;
  for (struct sll_cache *cache; (cache = sll_take_ended(before_ms)) != NULL; any = true) retire(cache, reason);
  return any;
}

void sll_audit_ended(void) {
  struct sll_cache *first = sll_take_all_waiting();
  for (struct sll_cache *cache = first; cache != NULL; cache = cache->after) sll_audit(cache);
  sll_put_all_waiting(first);
}

bool sll_trim_ended(void) { return drain_ended(UINT64_MAX, DRAIN_TRIM); }

/*
 * The destructor of the thread's value. The program's own may follow, in order of their keys, and free all that the thread kept: so this one asks to be
 * called in the next round again. Those that come even later borrow lists for each operation. It asks only once, because a thread whose first allocation
 * comes in a destructor has fewer rounds left. (The C library makes four. If that is the third one, the lists stay the thread's for ever.)
 */
static void end_thread(void *arg) {
  static __thread bool asked __attribute__((tls_model("initial-exec")));
  struct sll_cache *cache = arg;
  if (!asked && pthread_setspecific(thread_key, cache) == 0) {
    asked = true;
    return;
  }
  thread_ended = true;
  os_thread_ends();
  sll_self = &sll_empty;
  own = NULL;
  pool_taker = NULL;
  hub_call_begin();
  hub_hold();
  drop_cache(cache);
  hub_release();
  hub_call_none();
  EVENT(thread_exit, .live_caches = sll_running());
}

/* Ends a series of timed calls, or a thread's time without lists. */
static void hold_own(void) {
  if (!stays_empty()) sll_self = own;
}

static struct sll_cache *own_or_borrowed(void) {
  if (own != NULL) {
    hold_own();
    return own;
  }
  struct sll_cache *cache = take_cache();
  if (cache == NULL || thread_ended) return cache;
  if (own != NULL) { /* a sink of the os_map event has called malloc, which made the lists */
    drop_cache(cache);
    return own;
  }
  own = cache;
  pool_taker = cache;
  hold_own();
  pthread_setspecific(thread_key, cache); /* may call malloc, which finds the lists */
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

/* The lists of a thread are collected when it has not entered its slow path for this long. */
static uint64_t idle_ms(void) { return config.release_delay > RESTED_MS ? config.release_delay : RESTED_MS; }

/* A step of a scavenge: every SCAVENGE_STEPS-th class. The last step does what is of no class, too. */
static void scavenge_step(uint32_t step, uint64_t now) {
  for (uint32_t cls = step; cls < CLASS_COUNT; cls += SCAVENGE_STEPS) pool_scavenge_class(cls, false, now, sll_return_blocks);
  if (step != SCAVENGE_STEPS - 1) return;
  if (now > config.release_delay / 2) drain_ended(now - config.release_delay / 2, DRAIN_IDLE);
  if (now > idle_ms()) sll_collect_idle(now - idle_ms(), DRAIN_IDLE);
  units_scavenge(false, 0, now);
  legacy_scavenge(false);
}

/* Periodic work, done by threads in their slow paths: one step; more if no thread came for a while, so that a process with few calls keeps the pace. */
static void scavenge_if_due(uint64_t now) {
  uint64_t due = __atomic_load_n(&next_scavenge_ms, __ATOMIC_RELAXED);
  if (now < due || soft_limit_is_above()) return; /* above the limit, keep_soft_limit does all of this and more, and counts what it costs */
  /* The thread that wins the exchange does the work; the others continue. */
  const uint64_t gap = config.release_delay / SCAVENGES_PER_DELAY / SCAVENGE_STEPS;
  if (!__atomic_compare_exchange_n(&next_scavenge_ms, &due, now + gap + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  const uint64_t missed = gap != 0 ? (now - due) / (gap + 1) : SCAVENGE_STEPS;
  const uint32_t steps = missed < SCAVENGE_STEPS ? (uint32_t)missed + 1 : SCAVENGE_STEPS;
  const uint32_t first = __atomic_fetch_add(&scavenge_steps, steps, __ATOMIC_RELAXED);
  for (uint32_t i = 0; i < steps; i++) scavenge_step((first + i) % SCAVENGE_STEPS, now);
}

/* A decay of all classes takes as long as hundreds of calls. So it is spread over half a HAKMEM_RELEASE_DELAY. `all`: the thread may not return soon. */
static void decay_if_due(struct sll_cache *cache, uint64_t now, bool all) {
  if (now < cache->decay_ms) return;
  const uint64_t round = config.release_delay / 2 + 1, passed = now - cache->decay_ms;
  const uint32_t due = passed < round ? (uint32_t)(passed * CLASS_COUNT / round) : CLASS_COUNT;
  if (due <= cache->decayed) return;
  const uint32_t behind = due - cache->decayed, end = cache->decayed + (all ? behind : 1 + behind / DECAYS_BEHIND);
  while (cache->decayed < end) sll_decay_class(cache, cache->decayed++);
  if (end < CLASS_COUNT) return;
  cache->decayed = 0;
  cache->decay_ms = now;
  sll_note_active(cache, now);
  sll_give_share(cache);
}

/* ---- The soft limit. ---- */

static uint64_t held_bytes(void) {
  struct superslabs_totals units;
  superslabs_totals(&units);
  return units.mapped - units.free_units * UNIT_SIZE + units.dirty_bytes + legacy_held() + os_metadata_used();
}

size_t sll_release_all(struct sll_cache *cache, size_t keep) {
  if (cache != NULL) sll_drain_all(cache, DRAIN_TRIM);
  sll_trim_ended();
  sll_collect_idle(UINT64_MAX, DRAIN_TRIM);
  const size_t released = pool_trim(keep, sll_return_blocks) + legacy_scavenge(true);
  os_unmap_refused();
  return released;
}

bool sll_is_outside(void) { return own == NULL || own->busy == 0; }

static size_t release_for_limit(void *cache) { return sll_release_all(cache, 0); }

static NOINLINE void keep_soft_limit(struct sll_cache *cache) {
  static const struct soft_limit_hooks hooks = {held_bytes, release_for_limit};
  if (cache->busy == 1) soft_limit_keep(&hooks, cache); /* otherwise a signal handler has interrupted a change of the lists */
}

/* ---- Samples. ---- */

/* A gap from GAP_GROWS to GAP_MOST operations doubles with each GAP_SAMPLES samples: a thread that runs long is known well, and a timed call takes long. */
#define GAP_GROWS 1024u
#define GAP_MOST 8192u
#define GAP_SAMPLES 128u
#define SERIES_EACH 16u   /* of this many samples, one is a series of calls; the others are look-ups */
#define SERIES_WARM 1u    /* calls at its beginning that only warm up the code, */
#define SERIES_SHIFT 16u  /* and up to 15 more, by chance. Otherwise a program that repeats the same 8 or 16 calls would show the same few of them each time */
#define WEIGHT_MOST 1024u /* fits into 16 bits */

static void begin_series(struct sll_cache *cache) {
  cache->calls_left = SAMPLE_CALLS + SERIES_WARM + (uint32_t)(random_next(&cache->random) % SERIES_SHIFT);
  sll_self = &sll_empty;
}

uint32_t sll_resume_lists(void) {
  if (own == NULL || stays_empty()) return 0;
  sll_self = own;
  return own->calls_left;
}

void sll_resumed(void) {
  if (own == NULL || own->calls_left == 0 || --own->calls_left == 0) return;
  sll_self = &sll_empty;
}

uint32_t sll_sample_weight(void) { return own != NULL ? own->sample_weight : 1; }

/*
 * The next look-up, or the next calls, are timed. Of the first SERIES_EACH samples, the first one is a series of calls; then it is any of them, by chance. At
 * even distances, a program that repeats itself might show the same calls each time.
 */
static void choose_sample(struct sll_cache *cache) {
  const uint64_t weight = (cache->operations + config.sample / 2) / config.sample; /* a sample is chosen only where a budget ends, so the distance varies */
  cache->sample_weight = weight < WEIGHT_MOST ? (uint32_t)weight : WEIGHT_MOST;
  cache->operations = 0;
  const uint32_t number = cache->samples++;
  const uint32_t gap = sll_sample_gap(cache);
  if (number % GAP_SAMPLES == GAP_SAMPLES - 1 && gap >= GAP_GROWS && gap <= GAP_MOST / 2) cache->sample_shift++;
  if (number % SERIES_EACH == 0 && number != 0) cache->series_at = (uint8_t)(random_next(&cache->random) % SERIES_EACH);
  if (number % SERIES_EACH == cache->series_at && cache == own && !stays_empty() && !sll_goes_slow()) return begin_series(cache);
  cache->sample_next = true;
  cache->directory = &directory_blind;
}

bool sll_take_sample(struct sll_cache *cache) {
  const bool due = cache->sample_next || sll_goes_slow();
  cache->sample_next = false;
  cache->directory = directory_to_use();
  return due;
}

/*
 * A thread that has rested enters its slow path again with its next few operations, then ever more seldom. It may rest again soon; and in a process that
 * makes few calls, this thread is the one that returns memory. Returns whether it has rested.
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
  decay_if_due(cache, now, rested);
  scavenge_if_due(now);
  if (rested || cache->visits % VISITS_PER_TICK == 0) hub_tick();
  if (HAKMEM_EVENTS && sll_is_behind(cache) && cache->busy == 1) sll_follow(cache); /* the outermost operation, which is complete */
}

void sll_leave(struct sll_cache *cache) {
  if (HAKMEM_EVENTS && config.sample != 0 && cache->operations >= sll_sample_gap(cache)) choose_sample(cache);
  cache->visits++;
  if (cache->pace < PACE_MAX || cache->visits % VISITS_PER_LOOK == 0) look_at_clock(cache);
  if (UNLIKELY(soft_limit_bytes() != 0)) keep_soft_limit(cache);
  sll_let_go(cache);
  if (UNLIKELY(thread_ended)) drop_cache(cache);
  hub_release();
}

/* ---- Over all threads. ---- */

void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees) {
  *allocs = *frees = 0;
  if (own != NULL) sll_look_at(own, cls, allocs, frees);
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
  link_start();
  sll_prepare();
  pthread_key_create(&thread_key, end_thread);
}

void sll_fork_prepare(void) {
  if (own != NULL) sll_hold(own);
}

/* `own` may have been made after sll_fork_prepare; then it is not held. */
void sll_fork_parent(void) {
  if (own != NULL && own->busy != 0) sll_let_go(own);
}

/*
 * The other threads are gone, perhaps in the middle of an operation, so their lists must not be touched again. Waiting lists had no thread, and stay. If a
 * signal handler forked while this thread was in the middle of a change, all lists stay, and are only read for totals.
 */
void sll_fork_child(void) {
  soft_limit_fork_child();
  sll_idle_fork_child();
  if (own != NULL) {
    own->claim = CLAIM_NONE; /* a thread that had just claimed it does not exist here, and had changed nothing yet */
    own->tid = os_thread();
  }
  sll_fork_parent();
  if (sll_keep_alone(own)) sll_share_alone();
}
