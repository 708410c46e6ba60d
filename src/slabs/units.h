/*
 * units.h: the SuperSlabs of the process, and the use of their units: by slabs of small blocks, and by large blocks, each of which is a run of
 * units.
 *
 *   free units are clean or dirty; dirty ones are purged when they have been idle for a while; empty SuperSlabs are unmapped
 *   in the list, open SuperSlabs (superslab_is_open) stand before all others
 *   the totals are sums over the SuperSlabs: only `book` in units.c changes them, from a SuperSlab's figures before and after a change
 *
 * One lock, which is not held during a system call or an event.
 */
#ifndef HAKMEM_UNITS_H
#define HAKMEM_UNITS_H

#include "platform/base.h"
#include "events.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "superslab.h"

/* Why the pool refused. */
struct units_refusal {
  enum fail_reason reason;
  int error; /* the errno of mmap, 0 if mmap was not called */
};

/* A run of units, or why there is none. */
struct units_answer {
  struct slab *slab;            /* NULL: refused */
  bool zeroed;                  /* none of its units was used since the kernel mapped or purged it */
  bool fresh_superslab;         /* it is in a SuperSlab that was mapped for it */
  uint64_t over;                /* hub_ticks() after no SuperSlab had room; 0 if one had */
  struct units_refusal refusal; /* if `slab` is NULL */
};

/* A run of `units` units of any SuperSlab; maps a new one if needed. The caller sets it up and calls units_enter. */
struct units_answer units_acquire(uint32_t units);

/* Enters a slab that units_acquire returned into the directory. */
void units_enter(struct slab *slab);

/* Releases a slab's units, so that any class may use them. Removes the slab from the directory. */
void units_give(struct slab *slab);

/* A run of units for `size` bytes, not above units_large_max(). NULL, and *refusal says why, if there is none. */
struct slab *units_large_alloc(size_t size, bool *zeroed, struct units_refusal *refusal);

/* The same in an existing SuperSlab, if possible where `room` bytes are free. NULL if none has the units. */
struct slab *units_large_take(size_t size, size_t room, bool *zeroed);
void units_large_free(struct slab *slab);

/* Makes the run exactly long enough for `size` bytes, in place. False, and nothing changed, if that is not possible. */
bool units_large_resize(struct slab *slab, size_t size);

/* The largest block that is a run of units in a SuperSlab: half of one. */
size_t units_large_max(void);

/* Milliseconds. Free memory waits twice this long before it is returned to the kernel: as blocks in a batch, then as an empty slab or SuperSlab. */
uint32_t units_idle_ms(void);

/* Unmaps idle empty SuperSlabs and purges idle free units. With `trim`: all of them, except `keep` bytes of empty SuperSlabs. Returns the bytes. */
size_t units_scavenge(bool trim, size_t keep, uint64_t now);

/* Unmaps all empty SuperSlabs at once; purges nothing. Returns the bytes. */
size_t units_release(void);

/* Whether megabytes of free units wait to be purged. Threads then enter their slow paths more often, because only these do it. */
extern bool units_much_dirty; /* atomic */
static inline bool units_wait(void) { return __atomic_load_n(&units_much_dirty, __ATOMIC_RELAXED); }

/* Until units_unpin, the SuperSlab stays mapped even if it is empty: a thread that rests may be about to read a byte of it. */
void units_pin(struct superslab *ss);
void units_unpin(struct superslab *ss);

/* The totals of the pool. */
struct units_totals {
  uint32_t active;      /* SuperSlabs */
  uint32_t free_units;  /* units in no slab */
  uint64_t dirty_bytes; /* resident bytes of free units */
  uint64_t mapped;      /* bytes of SuperSlabs */
};
void units_totals(struct units_totals *out);
extern const struct layout_units units_layout;

/*
 * Calls `visit` for every SuperSlab, under the lock over them, so `visit` must not allocate, raise events or wait. With
 * `try_only`, for signal handlers, returns false without a visit if the lock is taken.
 */
bool units_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context);

/* The same for a `change` that makes units free or gone (superslab_lose), after which the totals are updated. It returns true to go on to the next one. */
void units_change(bool (*change)(struct superslab *ss, void *context), void *context);

/* Whether `p` points into a SuperSlab. */
bool units_hold(const void *p);

/* For tests: no lock is held, and no other thread changes anything. */
bool units_are_valid(void);

/* For a fork. In the child, with the lock released: forgets what other threads were mapping, had pinned or were setting up. */
extern const struct lock_row units_locks;
void units_fork_child(void);

#endif
