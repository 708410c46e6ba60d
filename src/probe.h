/*
 * probe.h: the hooks by which the core reports events, and asks the instrumentation for stacks, clocks and statistics.
 *
 * The core raises an event with   EVENT(tls_sll_drain, .cls = cls, .reason = DRAIN_INTERVAL, ...)
 * It holds no lock then, and its own state is consistent, because a sink may call malloc. instrumentation/hub.c and life.c define the hooks.
 * In a build without HAKMEM_EVENTS they vanish: their arguments are compiled, but never evaluated.
 */
#ifndef HAKMEM_PROBE_H
#define HAKMEM_PROBE_H

#include <errno.h>

#include "events.h"
#include "platform/syscall.h"

struct hak_stats; /* hakmem.h */
struct lock_row;  /* lock.h */

#define EVENT_HOOK(name, text, fields) void hub_event_##name(const struct event_##name *event);
HAK_EVENTS(EVENT_HOOK)

#define EVENT(name, ...) \
  do { \
    if (HAKMEM_EVENTS) hub_event_##name(&(const struct event_##name){__VA_ARGS__}); \
  } while (false)

/* HOOK(type, name, parameters, arguments, without): the core calls hub_NAME, the hub defines hub_on_NAME; without events, the result is `without`. */
#define HOOK(type, name, parameters, arguments, without) \
  type hub_on_##name parameters; \
  static inline type hub_##name parameters { return HAKMEM_EVENTS ? hub_on_##name arguments : (without); }

/* Adds the operations that a thread counted on its fast paths since its last call: `allocs` and `frees` of class row `cls`. */
HOOK(void, count, (uint32_t cls, uint64_t allocs, uint64_t frees), (cls, allocs, frees), (void)0)
/* Reports a sampled request of `size` bytes that class row `cls` served. */
HOOK(void, request, (uint32_t cls, size_t size), (cls, size), (void)0)

/*
 * The id of the calling thread's stack, 0 if stacks are off; no lock may be held. hub_stack is for incidents, hub_refusal_stack for shared_fail,
 * hub_block_stack for the record of a block: all three keep the frames. hub_traced_stack is for single operations, and returns 0 unless a tracer listens.
 * `frame`: the __builtin_frame_address(0) of a function of ours that has not returned; the stack begins with its caller.
 */
HOOK(uint32_t, stack, (void), (), 0)
HOOK(uint32_t, refusal_stack, (void), (), 0)
HOOK(uint32_t, block_stack, (const void *frame), (frame), 0)
HOOK(uint32_t, traced_stack, (void), (), 0)
/* Whether the calling thread is inside the instrumentation, whose sinks and unwinder may allocate. */
HOOK(bool, is_inside, (void), (), false)
/* Completes the event with the stack of `context`, a ucontext_t, and raises it. For the handler of a fault, which may have interrupted any code. */
HOOK(void, fault, (struct event_hdr_reset * event, void *context), (event, context), (void)0)

/*
 * Whether another object than hakmem and the C++ library defines operator new or delete. Its own code may use those, and other code hakmem's: so the family of
 * a block is not known. No lock may be held.
 */
HOOK(bool, operators_elsewhere, (void), (), false)

/* The program is about to open a library. */
HOOK(void, opening, (void), (), (void)0)

/* Clock ticks since an unspecified origin; only differences have a meaning. */
HOOK(uint64_t, ticks, (void), (), 0)
/* The same without a call, whose code may be in no cache. */
static inline uint64_t hub_ticks_here(void) { return HAKMEM_EVENTS ? sys_ticks() : 0; }
/* hub_ticks_fenced is the same, fenced, for spans of a few instructions. hub_ticks_since returns the ticks since then, less the cost of both readings. */
HOOK(uint64_t, ticks_fenced, (void), (), 0)
HOOK(uint64_t, ticks_since, (uint64_t fenced), (fenced), 0)

/*
 * A call that left the fast path: hub_call_begin at the entry of the slow path, hub_call_end at its end, with no lock held. They nest; only the outermost
 * call is timed. `start`: the clock (hub_ticks_here) when it left the fast path. `cls`: the class row of the block. `from`: the class row of the block that realloc freed, CLASS_NONE if it freed none.
 */
struct call {
  enum call_kind kind;
  uint32_t cls, from;
  size_t size;
};
HOOK(void, call_begin, (void), (), (void)0)
HOOK(void, call_end, (uint64_t start, const struct call *call, const void *frame), (start, call, frame), (void)0)
/*
 * The same for a free that usually only renews a budget. It does not call hub_call_begin, but takes hub_ticks_here. It ends with hub_call_end_staged if this
 * says that one of CALL_STAGES has ended meanwhile, else with hub_call_end_plain.
 */
extern __thread bool hub_call_staged __attribute__((tls_model("initial-exec")));
HOOK(void, call_end_plain, (uint64_t start, const struct call *call), (start, call), (void)0)
HOOK(void, call_end_staged, (uint64_t start, const struct call *call, const void *frame), (start, call, frame), (void)0)
/* Other work of the thread that has stages lies between hub_call_begin and this. */
HOOK(void, call_none, (void), (), (void)0)
/*
 * A sampled call on the fast path. `timed`: false for those that only warm this code up. sample_stop returns its ticks; 0 if it is not to be counted, for
 * example because it left the fast path after all.
 */
HOOK(uint64_t, sample_begin, (bool timed), (timed), 0)
HOOK(uint64_t, sample_stop, (uint64_t start), (start), 0)
HOOK(void, sample_end, (uint64_t ticks, const struct call *call), (ticks, call), (void)0)

/* Fills *out, of `size` bytes; writes the statistics as text to `fd`. Both return 0 or an errno; see hak_stats_read and hak_stats_dump. */
HOOK(int, read, (struct hak_stats * out, size_t size), (out, size), ENOTSUP)
HOOK(int, dump, (int fd), (fd), ENOTSUP)

/* What hakmem.h says of hak_set, hak_snapshot and hak_profile_dump. */
HOOK(int, set, (const char *name, const char *value), (name, value), ENOTSUP)
HOOK(int, snapshot, (void), (), ENOTSUP)
HOOK(int, profile_dump, (const char *path), (path), ENOTSUP)

/* Does scheduled work that is due. Threads call it from their slow paths, with no lock held. */
HOOK(void, tick, (void), (), (void)0)
/*
 * hub_start: once, after the options are read; hub_stop: at exit; the others: around a fork. hub_fork_locked: with all locks held, so only one thread at a
 * time calls it; the others hold none.
 */
HOOK(void, start, (void), (), (void)0)
HOOK(void, stop, (void), (), (void)0)
HOOK(void, fork_prepare, (void), (), (void)0)
HOOK(void, fork_locked, (void), (), (void)0)
HOOK(void, fork_parent, (void), (), (void)0)
HOOK(void, fork_child, (void), (), (void)0)
extern const struct lock_row hub_stacks_locks, hub_modules_locks;

#endif
