/*
 * tracer.h: the sink that a tracer attaches, and the first events, which are kept for it.
 *
 *   no tracer yet, the constructors still run:   the event is kept in the ring `tracer_early`, if it has room
 *   otherwise, while no session records:         it is counted as missed
 */
#ifndef HAKMEM_TRACER_H
#define HAKMEM_TRACER_H

#include "src/checker_hooks.h"
#include "base/inside.h"
#include "base/sink.h"

#define EARLY_MEMBER(name, text, fields) struct event_##name name;
struct early {
  uint32_t id; /* enum event_id + 1; atomic, written last */
  union { HAK_EVENTS(EARLY_MEMBER) } event;
};

/* Hidden: without that, each access costs a load from the table of addresses. */
extern const struct hak_event_sink *tracer_sink __attribute__((visibility("hidden"))); /* atomic; or NULL */
extern bool tracer_early_over __attribute__((visibility("hidden"))); /* atomic; the constructors have run: without a tracer by now, nothing more is kept */

/*
 * Events that were neither kept nor taken by a session, so that a tracer that attaches late, or a session that begins late, learns how many it missed. Most
 * processes have no tracer ever, and a counter that all threads write to would cost those with many threads a tenth of their time: so there are
 * several, each on a cache line of its own, and a thread uses one of them.
 */
#define MISSED_COUNTERS 16
extern struct tracer_missed { uint64_t count; /* atomic */ } __attribute__((aligned(64))) tracer_missed[MISSED_COUNTERS] __attribute__((visibility("hidden")));

static inline void tracer_count_missed(void) {
  const uint64_t thread = (uintptr_t)&inside_event >> 6; /* each thread has its own; its high bits are mixed in below */
  const uint64_t mixed = thread * UINT64_C(0x9e3779b97f4a7c15); /* Knuth's multiplicative hash */
  __atomic_fetch_add(&tracer_missed[mixed >> 60].count, 1, __ATOMIC_RELAXED);
}

/* A place of the ring. NULL when it is full. */
struct early *tracer_early_slot_if_any(void);

/* Where to keep an event that no tracer takes; NULL, and it is counted, when none is kept. */
ALWAYS_INLINE struct early *tracer_early_slot(void) {
  const bool kept = !__atomic_load_n(&tracer_early_over, __ATOMIC_RELAXED) && /* a tracer may never attach */
                    !hub_checked; /* a leak check would take what is kept here for the program's pointers */
  struct early *slot = UNLIKELY(kept) ? tracer_early_slot_if_any() : NULL;
  if (LIKELY(slot == NULL)) tracer_count_missed();
  return slot;
}

/* A copy of a text of the program's, which the ring may point to. */
const char *tracer_keep_text(const char *text);

/* Before a tracer sees an event of this thread. */
void tracer_begin_thread(const struct hak_event_sink *sink);

/* Whether a session records the tracer's events. */
bool tracer_is_listened(void);
/* The same; and repeats to new listeners what is raised only once. */
bool tracer_greet(void);
/* Raises the process event. */
void tracer_raise_process(void);

/* In a forked child. */
void tracer_fork_child(void);

#endif
