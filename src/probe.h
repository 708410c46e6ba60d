/*
 * probe.h: the hooks through which the core says what happens, and asks the instrumentation for what only that can know.
 *
 * The core raises an event with   EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_INTERVAL, ...)
 * It holds no lock then, and its own state is whole, because a sink may call malloc. instrumentation/hub.c and life.c define the hooks.
 * In a build without HAKMEM_EVENTS they vanish: their arguments are compiled, but never evaluated.
 */
#ifndef HAKMEM_PROBE_H
#define HAKMEM_PROBE_H

#include <errno.h>

#include "events.h"

struct hak_stats; /* hakmem.h */
struct lock_row;  /* lock.h */

#define EVENT_HOOK(name, text, fields) void hub_event_##name(const struct event_##name *event);
HAK_EVENTS(EVENT_HOOK)

#define EVENT(name, ...)                                                                         \
  do {                                                                                           \
    if (HAKMEM_EVENTS) hub_event_##name(&(const struct event_##name){__VA_ARGS__});              \
  } while (false)

/* HOOK(type, name, parameters, arguments, without): the core calls hub_NAME, the hub defines hub_on_NAME; `without` is the answer of a build without events. */
#define HOOK(type, name, parameters, arguments, without) \
  type hub_on_##name parameters;                         \
  static inline type hub_##name parameters { return HAKMEM_EVENTS ? hub_on_##name arguments : (without); }

/* What a thread counted on its fast paths since it last said so: `allocs` and `frees` of class row `cls`. */
HOOK(void, count, (uint32_t cls, uint64_t allocs, uint64_t frees), (cls, allocs, frees), (void)0)
/* A request of `size` bytes that class row `cls` served, one of the sampled ones. */
HOOK(void, request, (uint32_t cls, size_t size), (cls, size), (void)0)

/*
 * The id of the calling thread's stack, 0 if stacks are off; no lock may be held. hub_stack is for incidents, hub_block_stack for the record of a
 * block: both keep the frames. hub_traced_stack is for single operations, and is 0 unless a tracer is there to see it.
 * `frame`: the __builtin_frame_address(0) of a function of ours that has not returned; the stack begins with its caller.
 */
HOOK(uint32_t, stack, (void), (), 0)
HOOK(uint32_t, block_stack, (const void *frame), (frame), 0)
HOOK(uint32_t, traced_stack, (void), (), 0)
/* Whether the calling thread is within the instrumentation, whose sinks and unwinder may allocate. */
HOOK(bool, is_inside, (void), (), false)
/* Completes the event with the stack of `context`, a ucontext_t, and raises it. For the handler of a fault, whatever was interrupted. */
HOOK(void, fault, (struct event_hdr_reset *event, void *context), (event, context), (void)0)

/* Clock ticks, from any origin; only differences mean anything. */
HOOK(uint64_t, ticks, (void), (), 0)
/* The same, fenced, for spans of a few instructions; and since such a reading, less what the readings themselves cost. */
HOOK(uint64_t, ticks_fenced, (void), (), 0)
HOOK(uint64_t, ticks_since, (uint64_t fenced), (fenced), 0)

/* Fills *out, of `size` bytes; writes the statistics as text. 0, or an errno; see hak_stats_read and hak_stats_dump. */
HOOK(int, read, (struct hak_stats *out, size_t size), (out, size), ENOTSUP)
HOOK(int, dump, (int fd), (fd), ENOTSUP)

/* Called by a thread now and then from its slow paths, no lock held: does what is due on a schedule. */
HOOK(void, tick, (void), (), (void)0)
/* Once, after the options are read; at exit; around fork. */
HOOK(void, start, (void), (), (void)0)
HOOK(void, stop, (void), (), (void)0)
HOOK(void, fork_prepare, (void), (), (void)0)
HOOK(void, fork_parent, (void), (), (void)0)
HOOK(void, fork_child, (void), (), (void)0)
extern const struct lock_row hub_stacks_locks, hub_modules_locks;

#endif
