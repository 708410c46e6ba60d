/*
 * tracer.h: the sink that a tracer attaches, and the ring of the first events for it.
 *
 *   no tracer yet, the constructors still run:   the ring keeps the event, if it has room
 *   otherwise, while no session records:         the event is counted as missed
 */
#ifndef HAKMEM_TRACER_H
#define HAKMEM_TRACER_H

#include "src/checker_hooks.h"
#include "base/inside.h"
#include "base/sink.h"

#define EARLY_MEMBER(name, text, fields) struct event_##name name;
struct early {
  uint32_t id; /* enum event_id + 1; atomic; written last, and taken out by the thread that hands the event to the tracer */
  union {
    HAK_EVENTS(EARLY_MEMBER)
  } event;
};

/* Hidden: otherwise each access loads the address from a table first. */
extern const struct hak_event_sink *tracer_sink __attribute__((visibility("hidden"))); /* atomic; or NULL */
extern bool tracer_early_over __attribute__((visibility("hidden"))); /* the constructors have run: without a tracer by now, no event is kept */

/*
 * Events that the ring did not keep and no session took. So a late tracer or session learns how many it missed. Most processes never have a tracer,
 * and one counter for all threads would cost programs with many threads a tenth of their time. So there are several, each on a cache line of its
 * own; a thread uses one of them.
 */
#define MISSED_COUNTERS 16
extern struct tracer_missed { uint64_t count; /* atomic */ } __attribute__((aligned(64))) tracer_missed[MISSED_COUNTERS] __attribute__((visibility("hidden")));

static inline void tracer_count_missed(void) {
  const uint64_t thread = (uintptr_t)&inside_event >> 6;        /* each thread has its own; its high bits are mixed in below */
  const uint64_t mixed = thread * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */
  __atomic_fetch_add(&tracer_missed[mixed >> 60].count, 1, __ATOMIC_RELAXED);
}

/* A slot of the ring. NULL if it is full. */
struct early *tracer_early_slot_if_any(void);

/* The slot for an event that no tracer takes. NULL if none is kept: the event is then counted. */
ALWAYS_INLINE struct early *tracer_early_slot(void) {
  const bool kept = !__atomic_load_n(&tracer_early_over, __ATOMIC_RELAXED) && /* a tracer may never attach */
                    !hub_checked;                                             /* a leak check would take pointers in the ring for the program's */
  struct early *slot = UNLIKELY(kept) ? tracer_early_slot_if_any() : NULL;
  if (LIKELY(slot == NULL)) tracer_count_missed();
  return slot;
}

/*
 * The event in the slot is whole. If a tracer attached meanwhile, and its replay has not taken the event, this returns the tracer: the caller gives it the
 * event. Else NULL. tests/models/early.pml searches all orders of the two.
 */
const struct hak_event_sink *tracer_early_filled(struct early *slot, uint32_t id);

/* A copy of the program's text for the ring. */
const char *tracer_keep_text(const char *text);

/* Before the tracer gets an event of this thread. */
void tracer_begin_thread(const struct hak_event_sink *sink);

/* Whether there is a tracer. */
bool tracer_is_attached(void);
/* Whether a session records the tracer's events. */
bool tracer_is_listened(void);
/* The same; also repeats to new listeners the events that are raised only once. */
bool tracer_greet(void);
struct event_process tracer_process_event(void);
void tracer_raise_process(void);

/* In a forked child. */
void tracer_fork_child(void);

#endif
