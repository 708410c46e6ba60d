/*
 * hub.c: takes the core's events, guards against reentry, and gives them to the sinks.
 *
 * The statistics and the checker see every event, always: they call nothing that allocates. The log and the tracer see an event unless one is
 * being handled on this thread already (LTTng allocates too): those are counted. Until a tracer is attached, the first events
 * are kept in a ring, and replayed to it.
 */
#include "hub.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "src/alloc/alloc.h"
#include "src/platform/config.h"
#include "src/names/hakmem.h"
#include "src/platform/message.h"
#include "src/platform/options.h"
#include "src/memory/os.h"
#include "src/threads/tls_sll.h"
#include "checkers/checker.h"
#include "clock.h"

#define ENUM_NAME(constant, name) name,
#define EVENT_NAMES_DEFINE(e) const char *const event_names_##e[e##_count] = {ENUM_##e(ENUM_NAME)};
HAK_ENUMS(EVENT_NAMES_DEFINE)

static __thread bool in_event __attribute__((tls_model("initial-exec")));
static __thread bool unwinding __attribute__((tls_model("initial-exec")));
static __thread bool thread_begun __attribute__((tls_model("initial-exec")));
static const struct hak_event_sink *tracer; /* atomic */
static const struct checker *checker;       /* or NULL; set before the first block */
static bool watched;                        /* statistics were asked for */
static uint64_t next_snapshot_ms;           /* atomic */
static const void *told_listeners;          /* atomic; who has been told what is told once */

/* ---- The ring of early events. ---- */

#define EARLY_LENGTH 8192 /* full tracing raises thousands before a tracer's constructor runs */

#define EARLY_MEMBER(name, text, fields) struct event_##name name;
static struct early {
  uint32_t id; /* enum event_id + 1; atomic, written last */
  union { HAK_EVENTS(EARLY_MEMBER) } event;
} early[EARLY_LENGTH] BULK;
static uint32_t early_count; /* atomic */
static bool early_over; /* atomic; the constructors have run: without a tracer by now, nothing more is kept */
static uint64_t early_first_ns;

/*
 * Events that were neither kept nor taken by a session, so that a tracer that attaches late, or a session that begins late, learns how many it missed. Most
 * processes have no tracer ever, and a counter that all threads write to would cost those with many threads a tenth of their time: so there are
 * several, each on a cache line of its own, and a thread uses one of them.
 */
#define MISSED_COUNTERS 16
static struct { uint64_t count; /* atomic */ } __attribute__((aligned(64))) missed[MISSED_COUNTERS];

static void count_missed(void) {
  const uint64_t thread = (uintptr_t)&in_event >> 6; /* each thread has its own; its high bits are mixed in below */
  const uint64_t mixed = thread * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */
  __atomic_fetch_add(&missed[mixed >> 60].count, 1, __ATOMIC_RELAXED);
}

/* How many there were, since the process began. */
static uint64_t missed_events(void) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < MISSED_COUNTERS; i++) sum += __atomic_load_n(&missed[i].count, __ATOMIC_RELAXED);
  return sum;
}

/* One of the first events. NULL when the ring is full. */
static NOINLINE struct early *early_slot_if_any(void) {
  if (__atomic_load_n(&early_count, __ATOMIC_RELAXED) >= EARLY_LENGTH) return NULL;
  const uint32_t index = __atomic_fetch_add(&early_count, 1, __ATOMIC_RELAXED);
  if (index == 0) early_first_ns = clock_ns(CLOCK_MONOTONIC);
  return index < EARLY_LENGTH ? &early[index] : NULL;
}

/* Where to keep an event that no tracer takes; NULL, and it is counted, when none is kept. */
ALWAYS_INLINE struct early *early_slot(void) {
  const bool kept = !__atomic_load_n(&early_over, __ATOMIC_RELAXED) && /* a tracer may never attach */
                    !hub_checked; /* a leak check would take what is kept here for the program's pointers */
  struct early *slot = UNLIKELY(kept) ? early_slot_if_any() : NULL;
  if (LIKELY(slot == NULL)) count_missed();
  return slot;
}

/* A copy of a text of the program's, which the ring may point to. */
static const char *keep_early_text(const char *text) {
  static char texts[8 * KIB];
  static size_t used; /* atomic */
  const size_t size = strlen(text) + 1;
  const size_t at = size <= sizeof(texts) ? __atomic_fetch_add(&used, size, __ATOMIC_RELAXED) : sizeof(texts);
  return at <= sizeof(texts) - size ? memcpy(texts + at, text, size) : "a library whose path was not kept";
}

static void replay(const struct hak_event_sink *sink) {
  struct event_early summary = {.missed = missed_events()};
  const uint32_t count = __atomic_load_n(&early_count, __ATOMIC_RELAXED);
  for (uint32_t i = 0; i < count && i < EARLY_LENGTH; i++) {
    const struct early *slot = &early[i];
    switch (__atomic_load_n(&slot->id, __ATOMIC_ACQUIRE)) {
#define REPLAY_CASE(name, text, fields) \
  case EVENT_ID_##name + 1:             \
    if (sink->name != NULL) sink->name(&slot->event.name); \
    summary.replayed++;                 \
    break;
      HAK_EVENTS(REPLAY_CASE)
      default: break;
    }
  }
  if (early_first_ns != 0) summary.age_ns = clock_ns(CLOCK_MONOTONIC) - early_first_ns;
  if (sink->early != NULL) sink->early(&summary);
}

static struct event_process process_event(void) {
  return (struct event_process){
    .ticks_per_second = clock_ticks_per_second(), .clock_cost_ticks = clock_cost_ticks(),
    .superslab_size = config_superslab_size(), .superslab_limit = config.ss_limit, .drain_interval = config.drain_interval,
    .strategy = (enum lookup_strategy)config.lookup, .sample = config.sample, .version = hak_version(),
    .release_delay = config.release_delay, .huge_pages = config.huge_pages};
}

/* Whoever takes the tracer's events down; NULL where nobody does. */
static const void *listeners(void) {
  const struct hak_event_sink *sink = __atomic_load_n(&tracer, __ATOMIC_ACQUIRE);
  return sink != NULL && sink->listeners != NULL ? sink->listeners() : sink;
}

/* Tells new listeners what the others were told before. Returns whether there are any. */
static bool greet_listeners(void) {
  const void *now = listeners(), *before = __atomic_load_n(&told_listeners, __ATOMIC_RELAXED);
  if (now == before || !__atomic_compare_exchange_n(&told_listeners, &before, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
      now == NULL) return now != NULL;
  const struct event_process process = process_event();
  hub_event_process(&process);
  /* A session takes events from a little after it asked for them: what it was told at first may be lost, so each greeting tells all. */
  const uint64_t before_now = missed_events();
  if (before_now != 0) hub_event_early(&(struct event_early){.missed = before_now});
  stacks_tell_again();
  return true;
}

EXPORT void hak_event_sink_say(const char *text) { message_say(text); }

EXPORT int hak_event_sink_attach(const struct hak_event_sink *sink) {
  if (sink == NULL || sink->version != HAK_EVENT_SINK_VERSION || sink->size != sizeof(*sink)) return EINVAL;
  alloc_start(); /* a preloaded tracer's constructor runs before ours */
  const struct hak_event_sink *none = NULL;
  in_event = true;
  const bool attached = __atomic_compare_exchange_n(&tracer, &none, sink, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
  if (attached) {
    if (sink->thread_begin != NULL) sink->thread_begin();
    thread_begun = true;
    const struct event_process process = process_event();
    if (sink->process != NULL) sink->process(&process);
    replay(sink);
  }
  in_event = false;
  if (attached) greet_listeners();
  return attached ? 0 : EBUSY;
}

/* ---- Fan-out. ---- */

static void begin_thread(const struct hak_event_sink *sink) {
  if (thread_begun) return;
  thread_begun = true;
  if (sink->thread_begin != NULL) sink->thread_begin();
}

/* Mostly nobody but the statistics hears of an event, and what the others need is left out: it is a good part of what a refill costs. */
#define HUB_EVENT(name, text, fields)                                   \
  void hub_event_##name(const struct event_##name *event) {             \
    if (stats_sink.name != NULL) stats_sink.name(event);                \
    if (checker != NULL && checker->sink.name != NULL) checker->sink.name(event); \
    if (in_event) {                                                     \
      stats_reentered();                                                \
      return;                                                           \
    }                                                                   \
    const struct hak_event_sink *sink = __atomic_load_n(&tracer, __ATOMIC_ACQUIRE); \
    if (sink == NULL) {                                                 \
      /* What a fragmentation event points to does not live on; the schedule brings the next one soon. */ \
      struct early *slot = EVENT_ID_##name == EVENT_ID_fragmentation ? NULL : early_slot(); \
      if (slot != NULL) {                                               \
        slot->event.name = *event;                                      \
        if (EVENT_ID_##name == EVENT_ID_deepbind) slot->event.deepbind.path = keep_early_text(slot->event.deepbind.path); \
        __atomic_store_n(&slot->id, EVENT_ID_##name + 1, __ATOMIC_RELEASE); \
      }                                                                 \
    } else if (sink->listeners != NULL && sink->listeners() == NULL) {         \
      count_missed();                                                   \
    }                                                                   \
    const bool logged = log_sink.name != NULL && log_hears(EVENT_ID_##name); \
    if (sink == NULL && !logged) return;                                \
    in_event = true;                                                    \
    const int saved = errno, cancellation = hub_hold_cancellation();    \
    if (logged) log_sink.name(event);                                   \
    if (sink != NULL) {                                                 \
      begin_thread(sink);                                               \
      if (sink->name != NULL) sink->name(event);                        \
    }                                                                   \
    hub_restore_cancellation(cancellation);                             \
    errno = saved;                                                      \
    in_event = false;                                                   \
  }
HAK_EVENTS(HUB_EVENT)

void hub_count(uint32_t cls, uint64_t allocs, uint64_t frees) { stats_count(cls, allocs, frees); }
void hub_request(uint32_t cls, size_t size) { stats_request(cls, size); }

uint64_t hub_ticks(void) {
  clock_start(); /* the first blocks come before main and before any constructor */
  return clock_ticks();
}
uint64_t hub_ticks_fenced(void) {
  clock_start();
  return clock_ticks_fenced();
}
uint64_t hub_ticks_since(uint64_t fenced) {
  const uint64_t span = clock_ticks_fenced() - fenced, cost = clock_cost_ticks();
  return span > cost ? span - cost : 1; /* 0 is what was not timed */
}

#define LOCK_TRIES 2000 /* of 50 us */

bool hub_lock_soon(struct lock *lock) {
  for (unsigned i = 0; !lock_try(lock); i++) {
    if (i == LOCK_TRIES) return false;
    sys_sleep_ns(50000);
  }
  return true;
}

/* libunwind allocates when it first runs on a thread: an operation within it gets no stack of its own. */
static uint32_t capture(enum stack_use use, const void *frame) {
  if (in_event || unwinding) return 0;
  unwinding = true;
  const int cancellation = hub_hold_cancellation();
  greet_listeners();
  if (checker != NULL) checker->hold();
  const uint32_t id = stacks_capture(use, frame);
  if (checker != NULL) checker->release();
  hub_restore_cancellation(cancellation);
  unwinding = false;
  return id;
}

bool hub_is_inside(void) { return in_event || unwinding; }
uint32_t hub_stack(void) { return capture(STACK_INCIDENT, NULL); }
uint32_t hub_block_stack(const void *frame) { return capture(STACK_BLOCK, frame); }
uint32_t hub_traced_stack(void) { return listeners() != NULL ? capture(STACK_TRACED, NULL) : 0; }

/*
 * The program may have been anywhere, and is mostly about to end: the sinks that wait for nobody see it also where an event was being handled.
 */
void hub_fault(struct event_hdr_reset *e, void *context) {
  const bool nested = in_event, was_unwinding = unwinding;
  unwinding = true;
  e->stack = was_unwinding ? 0 : stacks_fault(context);
  unwinding = was_unwinding;
  stats_sink.hdr_reset(e);
  in_event = true;
  log_sink.hdr_reset(e);
  const struct hak_event_sink *sink = nested ? NULL : __atomic_load_n(&tracer, __ATOMIC_ACQUIRE);
  if (sink != NULL) {
    begin_thread(sink);
    if (sink->hdr_reset != NULL) sink->hdr_reset(e);
  }
  in_event = nested;
}

/* ---- Schedule, requests, start and end. ---- */

bool hub_is_watched(void) { return watched || listeners() != NULL; }
bool hub_is_listened(void) { return listeners() != NULL; }

static void tick_snapshot(void) {
  const bool listened = greet_listeners();
  if (config.fragmentation == 0 || !(watched || listened)) return;
  const uint64_t now = os_now_ms();
  uint64_t due = __atomic_load_n(&next_snapshot_ms, __ATOMIC_RELAXED);
  if (now < due) return;
  const uint64_t next = now + config.fragmentation;
  if (!__atomic_compare_exchange_n(&next_snapshot_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return;
  snapshot_take(false, false);
  if (!listened) return;
  const struct event_process process = process_event();
  hub_event_process(&process);
  snapshot_raise();
}

void hub_tick(void) {
  if (in_event) return;
  tick_snapshot();
  stats_tick();
}

int hub_read(struct hak_stats *out, size_t size) {
  snapshot_take(true, false);
  const struct stats_block *s = stats_block();
  struct hak_stats all = {.committed = s->committed, .mapped = s->mapped, .superslabs = s->superslabs_active,
                          .header_resets = s->counters.hdr_reset,
                          .shared_fails = s->counters.shared_fail_limit + s->counters.shared_fail_os_enomem +
                                          s->counters.shared_fail_no_address_space};
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const struct stats_class_counters *c = &s->cls[row];
    uint64_t allocs = 0, frees = 0;
    if (row < CLASS_COUNT) sll_cached(row, &allocs, &frees);
    if (s->complete) allocs = frees = 0; /* published already */
    all.allocs += c->allocs + allocs;
    all.frees += c->frees + frees;
    all.requested += s->gauge[row].requested;
    all.allocated += s->gauge[row].allocated;
    all.active += s->gauge[row].active;
    all.legacy_calls += c->legacy_calls;
    all.refills += stats_refills(c);
    all.drains += stats_drains(c);
  }
  all.live = all.allocs - all.frees;
  memcpy(out, &all, size < sizeof(all) ? size : sizeof(all));
  return 0;
}

int hub_dump(int fd) {
  snapshot_take(true, true); /* signal safe whoever calls */
  return dump_write(fd);
}

static void on_signal(int signal) {
  (void)signal;
  const int saved = errno;
  hub_dump(DUMP_TO_LOG);
  errno = saved;
}

static void install_signal(void) {
  if (config.stats_signal[0] == '\0') return;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  const int number = option_signal(config.stats_signal);
  if (number != 0 && sigaction(number, &action, NULL) == 0) return;
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: HAKMEM_STATS_SIGNAL=");
  message_quoted(&m, config.stats_signal);
  message_text(&m, " is not a signal that can be caught (use a name such as USR2, or its number); statistics are written at no signal");
  message_error(&m);
}

bool hub_checked;

bool hub_check(void) {
  static bool asked;
  if (!asked) {
    asked = true;
    checker = asan_start();
    if (checker == NULL) checker = memcheck_start();
    hub_checked = checker != NULL && checker->guards;
  }
  return checker != NULL;
}

void hub_checker_hold(void) { checker->hold(); }
void hub_checker_release(void) { checker->release(); }
void hub_checker_guard(const void *base, size_t size, bool closed) { checker->guard(base, size, closed); }
size_t hub_checked_size(const void *p, size_t most) { return checker->size(p, most); }

void hub_start(void) {
  clock_start();
  watched = config.stats != 0 || config.stats_file[0] != '\0' || config.stats_signal[0] != '\0';
  log_start();
  stats_start();
  if (checker != NULL) checker->hold();
  unwinding = true; /* what libunwind allocates when it is opened is not the program's */
  stacks_start();
  unwinding = false;
  if (checker != NULL) checker->release();
  install_signal();
  if (hub_is_watched()) modules_record_allocators();
  if (config.leaks != 0) leaks_start();
  fault_start();
  __atomic_store_n(&early_over, true, __ATOMIC_RELAXED);
}

static void stop_statistics(void) {
  if (!hub_is_watched()) return;
  modules_record_allocators(); /* once more: some are opened later */
  sll_publish_all();
  snapshot_take(true, false);
  if (listeners() != NULL) {
    const struct event_process process = process_event();
    hub_event_process(&process);
    snapshot_raise();
  }
  stats_block()->complete = 1;
  stats_end();
  if (config.stats != 0) dump_write(DUMP_TO_LOG);
}

void hub_stop(void) {
  if (config.leaks != 0 && !hub_checked) {
    unwinding = true;
    hub_hold();
    leaks_report();
    hub_release();
    unwinding = false;
  }
  stop_statistics();
  if (checker != NULL && checker->stop != NULL) checker->stop();
}

void hub_fork_prepare(void) {
  stats_fork_prepare();
  stacks_fork_prepare();
}

void hub_fork_parent(void) { stacks_fork_release(); }

void hub_fork_child(void) {
  stacks_fork_child();
  early_count = 0; /* the parent's; what they point to does not live on here */
  for (uint32_t i = 0; i < MISSED_COUNTERS; i++) missed[i].count = 0;
  snapshot_fork_child();
  sites_fork_child();
  stats_fork_child();
  fault_fork_child();
  __atomic_store_n(&told_listeners, NULL, __ATOMIC_RELAXED); /* the child is another process to them */
}
