/*
 * tracer.c: attaches a tracer, replays the first events to it, and repeats to each new session the events that are raised only once.
 */
#include <errno.h>
#include <string.h>

#include "src/alloc/start.h"
#include "src/memory/os.h"
#include "src/names/hakmem.h"
#include "src/platform/config.h"
#include "src/platform/message.h"
#include "src/probe.h"
#include "base/clock.h"
#include "stacks/stacks.h"
#include "tracer.h"

#define EARLY_LENGTH 8192 /* full tracing raises thousands before a tracer's constructor runs */

const struct hak_event_sink *tracer_sink;
bool tracer_early_over;
struct tracer_missed tracer_missed[MISSED_COUNTERS];

#define EARLY_PIECE 256 /* slots; few programs need more than the first piece, and all of them are 1.5 MB of address space */

static struct early first_piece[EARLY_PIECE] BULK;
static struct early *early[EARLY_LENGTH / EARLY_PIECE] = {first_piece}; /* atomic; NULL until it is needed */
static uint32_t early_count;                                            /* atomic */
static uint64_t early_first_ns;                                         /* atomic */
static const void *told_listeners;                                      /* the listeners that have got the events which are raised only once */
static __thread bool thread_begun __attribute__((tls_model("initial-exec")));

/* Since the process began. */
static uint64_t missed_events(void) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < MISSED_COUNTERS; i++) sum += __atomic_load_n(&tracer_missed[i].count, __ATOMIC_RELAXED);
  return sum;
}

/*
 * ---- The ring of early events. ----
 *
 *   a slot:  0 --- its thread has filled it in ---> id + 1 --- replay, or its thread if that sees the tracer first ---> 0
 *
 * The tracer attaches first, and then replays. A thread fills its slot first, and then looks for the tracer. So one of them sees the other; if both do,
 * the exchange of the id decides which of them hands the event over.
 */

/* NULL if there is no memory for it, or another thread is making its piece. The events that os_metadata raises meanwhile are counted as missed. */
static struct early *early_slot(uint32_t index) {
  static bool grows; /* atomic */
  struct early **const at = &early[index / EARLY_PIECE], *piece = __atomic_load_n(at, __ATOMIC_ACQUIRE);
  if (piece == NULL && !__atomic_exchange_n(&grows, true, __ATOMIC_ACQUIRE)) {
    piece = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    if (piece == NULL) piece = os_metadata(EARLY_PIECE * sizeof(*piece));
    __atomic_store_n(at, piece, __ATOMIC_SEQ_CST);
    __atomic_store_n(&grows, false, __ATOMIC_RELEASE);
  }
  return piece != NULL ? &piece[index % EARLY_PIECE] : NULL;
}

NOINLINE struct early *tracer_early_slot_if_any(void) {
  if (__atomic_load_n(&early_count, __ATOMIC_RELAXED) >= EARLY_LENGTH) return NULL;
  const uint32_t index = __atomic_fetch_add(&early_count, 1, __ATOMIC_RELAXED);
  if (index == 0) __atomic_store_n(&early_first_ns, clock_ns(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
  return index < EARLY_LENGTH ? early_slot(index) : NULL;
}

static uint32_t take_id(struct early *slot) { return __atomic_exchange_n(&slot->id, 0, __ATOMIC_SEQ_CST); }

NOINLINE const struct hak_event_sink *tracer_early_filled(struct early *slot, uint32_t id) {
  __atomic_store_n(&slot->id, id, __ATOMIC_SEQ_CST);
  const struct hak_event_sink *sink = __atomic_load_n(&tracer_sink, __ATOMIC_SEQ_CST);
  return sink != NULL && take_id(slot) != 0 ? sink : NULL;
}

const char *tracer_keep_text(const char *text) {
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
    struct early *const piece = __atomic_load_n(&early[i / EARLY_PIECE], __ATOMIC_SEQ_CST), *const slot = piece + i % EARLY_PIECE;
    if (piece == NULL) continue;
    switch (take_id(slot)) {
#define REPLAY_CASE(name, text, fields) \
  case EVENT_ID_##name + 1: \
    if (sink->name != NULL) sink->name(&slot->event.name); \
    summary.replayed++; \
    break;
      HAK_EVENTS(REPLAY_CASE)
      default: break;
    }
  }
  const uint64_t first_ns = __atomic_load_n(&early_first_ns, __ATOMIC_RELAXED);
  if (first_ns != 0) summary.age_ns = clock_ns(CLOCK_MONOTONIC) - first_ns;
  if (sink->early != NULL) sink->early(&summary);
}

/* ---- Listeners. ---- */

struct event_process tracer_process_event(void) {
  return (struct event_process){.ticks_per_second = clock_ticks_per_second(),
                                .clock_cost_ticks = clock_cost_ticks(),
                                .superslab_size = config_superslab_size(),
                                .superslab_limit = config.ss_limit,
                                .drain_interval = config.drain_interval,
                                .strategy = (enum lookup_strategy)config.lookup,
                                .sample = config.sample,
                                .version = hak_version(),
                                .release_delay = config.release_delay,
                                .huge_pages = config.huge_pages};
}

void tracer_raise_process(void) {
  const struct event_process process = tracer_process_event();
  hub_event_process(&process);
}

/* The tracer's listeners; NULL if no session records its events. */
static const void *listeners(void) {
  const struct hak_event_sink *sink = __atomic_load_n(&tracer_sink, __ATOMIC_ACQUIRE);
  return sink != NULL && sink->listeners != NULL ? sink->listeners() : sink;
}

bool tracer_is_attached(void) { return __atomic_load_n(&tracer_sink, __ATOMIC_ACQUIRE) != NULL; }
bool tracer_is_listened(void) { return listeners() != NULL; }

bool tracer_greet(void) {
  const void *now = listeners(), *before = __atomic_load_n(&told_listeners, __ATOMIC_RELAXED);
  if (now == before || !__atomic_compare_exchange_n(&told_listeners, &before, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) || now == NULL)
    return now != NULL;
  tracer_raise_process();
  /* A new session begins to take events with a delay, and may lose the first ones. So each greeting repeats all of them. */
  const uint64_t before_now = missed_events();
  if (before_now != 0) hub_event_early(&(struct event_early){.missed = before_now});
  stacks_tell_again();
  return true;
}

void tracer_begin_thread(const struct hak_event_sink *sink) {
  if (thread_begun) return;
  thread_begun = true;
  if (sink->thread_begin != NULL) sink->thread_begin();
}

EXPORT void hak_event_sink_say(const char *text) { message_say(text); }

EXPORT int hak_event_sink_attach(const struct hak_event_sink *sink) {
  if (sink == NULL || sink->version != HAK_EVENT_SINK_VERSION || sink->size != sizeof(*sink)) return EINVAL;
  alloc_start(); /* the constructor of a preloaded tracer runs before ours */
  const struct hak_event_sink *none = NULL;
  inside_event = true;
  const bool attached = __atomic_compare_exchange_n(&tracer_sink, &none, sink, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
  if (attached) {
    tracer_begin_thread(sink);
    const struct event_process process = tracer_process_event();
    if (sink->process != NULL) sink->process(&process);
    replay(sink);
  }
  inside_event = false;
  if (attached) tracer_greet();
  return attached ? 0 : EBUSY;
}

/*
 * The parent's early events are not the child's, and their pointers are invalid here. After the constructors, no slot is used again, so the ids stay: to
 * clear them would copy the parent's pages.
 */
static void forget_early(void) {
  for (uint32_t i = 0; !tracer_early_over && i < early_count && i < EARLY_LENGTH; i++) {
    if (early[i / EARLY_PIECE] != NULL) early[i / EARLY_PIECE][i % EARLY_PIECE].id = 0;
  }
  early_count = 0;
  early_first_ns = 0;
}

void tracer_fork_child(void) {
  forget_early();
  for (uint32_t i = 0; i < MISSED_COUNTERS; i++) tracer_missed[i].count = 0;
  __atomic_store_n(&told_listeners, NULL, __ATOMIC_RELAXED); /* for the listeners the child is a new process */
}
