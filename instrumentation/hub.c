/*
 * hub.c: takes the core's events and gives each to the sinks: the counters, a checker, the log, the tracer.
 *
 * The counters and the checker see every event: they call nothing that allocates. The log and the tracer may allocate (LTTng does), so an event
 * that is raised within their handling is only counted. Until a tracer is attached, a ring keeps the first events, which are replayed to it.
 */
#include <errno.h>
#include <string.h>

#include "src/probe.h"
#include "base/clock.h"
#include "base/inside.h"
#include "checkers/checker.h"
#include "sinks/counters.h"
#include "sinks/flight.h"
#include "sinks/log.h"
#include "sinks/tracer.h"
#include "stacks/stacks.h"
#include "statistics/calls.h"
#include "statistics/stats.h"

/* ---- Fan-out. ---- */

/* Usually only the counters take an event. The setup for the other sinks is then skipped: it would be a good part of the cost of a refill. */
#define HUB_EVENT(name, text, fields) \
  void hub_event_##name(const struct event_##name *event) { \
    if (counters_sink.name != NULL) counters_sink.name(event); \
    if (checker != NULL && checker->sink.name != NULL) checker->sink.name(event); \
    if (FLIGHT_KEEPS(EVENT_ID_##name) && flight_is_on) flight_sink.name(event); \
    if (inside_event) { \
      stats_add(&stats_block()->counters.reentered, 1); \
      return; \
    } \
    const struct hak_event_sink *sink = __atomic_load_n(&tracer_sink, __ATOMIC_ACQUIRE); \
    if (sink == NULL) { \
      /* A fragmentation event points to memory that is soon reused; the schedule raises the next one. */ \
      struct early *slot = EVENT_ID_##name == EVENT_ID_fragmentation ? NULL : tracer_early_slot(); \
      if (slot != NULL) { \
        slot->event.name = *event; \
        if (EVENT_ID_##name == EVENT_ID_deepbind) slot->event.deepbind.path = tracer_keep_text(slot->event.deepbind.path); \
        sink = tracer_early_filled(slot, EVENT_ID_##name + 1); \
      } \
    } else if (sink->listeners != NULL && sink->listeners() == NULL) { \
      tracer_count_missed(); \
    } \
    const bool logged = log_sink.name != NULL && log_hears(EVENT_ID_##name); \
    if (sink == NULL && !logged) return; \
    inside_event = true; \
    const int saved = errno, cancellation = cancellation_hold(); \
    if (logged) log_sink.name(event); \
    if (sink != NULL) { \
      tracer_begin_thread(sink); \
      if (sink->name != NULL) sink->name(event); \
    } \
    cancellation_restore(cancellation); \
    errno = saved; \
    inside_event = false; \
  }
HAK_EVENTS(HUB_EVENT)

void hub_on_count(uint32_t cls, uint64_t allocs, uint64_t frees) { stats_count(cls, allocs, frees); }
void hub_on_request(uint32_t cls, size_t size) { stats_request(cls, size); }

uint64_t hub_on_ticks(void) {
  clock_start(); /* the first blocks come before main and before any constructor */
  return clock_ticks();
}
uint64_t hub_on_ticks_fenced(void) {
  clock_start();
  return clock_ticks_fenced();
}
uint64_t hub_on_ticks_since(uint64_t fenced) {
  const uint64_t span = clock_ticks_fenced() - fenced, cost = clock_cost_ticks();
  return span > cost ? span - cost : 1; /* 0 means: not timed */
}

void hub_on_call_begin(void) { calls_begin(); }
void hub_on_call_end_plain(uint64_t start, const struct call *call) { calls_end_plain(start, call); }
void hub_on_call_none(void) { calls_none(); }
uint64_t hub_on_sample_begin(bool timed) { return calls_sample_begin(timed); }
uint64_t hub_on_sample_stop(uint64_t start) { return calls_sample_stop(start); }
void hub_on_sample_end(uint64_t ticks, const struct call *call) { calls_sample_end(ticks, call); }

/* ---- Stacks. ---- */

/* libunwind allocates when it first runs on a thread. Its operations get no stack of their own. */
static uint32_t capture(enum stack_use use, const void *frame) {
  if (inside_event || inside_stack) return 0;
  inside_stack = true;
  const int cancellation = cancellation_hold();
  tracer_greet();
  if (checker != NULL) checker->hold();
  const uint32_t id = stacks_capture(use, frame);
  if (checker != NULL) checker->release();
  cancellation_restore(cancellation);
  inside_stack = false;
  return id;
}

/* A new one of the longest calls. The time that this takes is in no call. */
static NOINLINE void keep_call(const struct call *call, uint64_t ns, const void *frame) {
  const int saved = errno;
  struct stats_call kept;
  calls_describe(&kept, call, ns);
  calls_begin(); /* to keep a stack may map memory */
  const struct stack_frames *frames = stacks_frames(ns >= STATS_CALL_STACK_NS ? capture(STACK_CALL, frame) : 0);
  if (frames != NULL) {
    kept.frame_count = frames->count;
    kept.epoch = frames->epoch;
    kept.cut = frames->cut;
    for (uint32_t i = 0; i < frames->count; i++) kept.frames[i] = frames->frame[i];
  }
  calls_none();
  calls_keep(&kept);
  errno = saved;
}

void hub_on_call_end(uint64_t start, const struct call *call, const void *frame) {
  const uint64_t long_ns = calls_end(start, call);
  if (UNLIKELY(long_ns != 0)) keep_call(call, long_ns, frame);
}

void hub_on_call_end_staged(uint64_t start, const struct call *call, const void *frame) {
  const uint64_t long_ns = calls_end_staged(start, call);
  if (UNLIKELY(long_ns != 0)) keep_call(call, long_ns, frame);
}

bool hub_on_is_inside(void) { return inside_event || inside_stack; }
uint32_t hub_on_stack(void) { return capture(STACK_INCIDENT, NULL); }
uint32_t hub_on_refusal_stack(void) { return capture(STACK_REFUSAL, NULL); }
uint32_t hub_on_block_stack(const void *frame) { return capture(STACK_BLOCK, frame); }
uint32_t hub_on_traced_stack(void) { return tracer_is_listened() ? capture(STACK_TRACED, NULL) : 0; }

/* The fault may interrupt any code, and usually ends the program. So the sinks that never wait get the event even if another event is being handled. */
void hub_on_fault(struct event_hdr_reset *e, void *context) {
  const bool nested = inside_event, was_unwinding = inside_stack;
  inside_stack = true;
  e->stack = was_unwinding ? 0 : stacks_fault(context);
  inside_stack = was_unwinding;
  counters_sink.hdr_reset(e);
  if (flight_is_on) flight_sink.hdr_reset(e);
  inside_event = true;
  log_sink.hdr_reset(e);
  const struct hak_event_sink *sink = nested ? NULL : __atomic_load_n(&tracer_sink, __ATOMIC_ACQUIRE);
  if (sink != NULL) {
    tracer_begin_thread(sink);
    if (sink->hdr_reset != NULL) sink->hdr_reset(e);
  }
  inside_event = nested;
}
