/*
 * units.h: the SuperSlabs of the process, and who has which of their units: slabs of small blocks, and large blocks, which are a run of
 * units each.
 *
 *   free units: clean, or dirty, which are purged when they were idle for a while; empty SuperSlabs are unmapped
 *   in the list, open SuperSlabs (superslab_is_open) stand before all others
 *   the totals are sums over the SuperSlabs: only `book` in units.c changes them, from what a SuperSlab's masks were before
 *
 * One lock, and nothing here holds it while it maps, unmaps, purges or raises an event.
 */
#ifndef HAKMEM_UNITS_H
#define HAKMEM_UNITS_H

#include "platform/base.h"
#include "events.h"
#include "platform/lock.h"
#include "superslab.h"

/* Why the pool had nothing. */
struct units_refusal {
  enum fail_reason reason;
  int error; /* of the system, an errno; 0 where it was not asked */
};

/* A run of units, or why there is none. */
struct units_answer {
  struct slab *slab;            /* NULL: refused */
  bool zeroed;                  /* none of its units was used since it came from the system */
  bool fresh_superslab;         /* it is of a SuperSlab that was mapped for it */
  uint64_t over;                /* hub_ticks() when no SuperSlab proved to have one; 0 if one had */
  struct units_refusal refusal; /* if it is refused */
};

/* A run of `units` units of some SuperSlab, a new one if need be. */
struct units_answer units_acquire(uint32_t units);

/* Gives a slab's units back: they become anybody's. It is in the directory no more. */
void units_give(struct slab *slab);

/* What comes before a part of the SuperSlab is purged: from then on it has small pages, until all of its units are in use again. */
void units_purging(struct superslab *ss);

/* A run of units for `size` bytes, not above units_large_max(); NULL and *refusal where there is none. */
struct slab *units_large_alloc(size_t size, bool *zeroed, struct units_refusal *refusal);

/* The same of a SuperSlab that there is, if it can be where `room` bytes are nobody's; NULL where none has the units. */
struct slab *units_large_take(size_t size, size_t room, bool *zeroed);
void units_large_free(struct slab *slab);

/* Makes the run long enough for `size`, and no longer, where it lies. False, and nothing changed, where it cannot be. */
bool units_large_resize(struct slab *slab, size_t size);

/* The largest block that is a run of units in a SuperSlab: half of one. */
size_t units_large_max(void);

/* Milliseconds. What is free waits twice before its memory goes back: blocks in a batch, and as an empty slab or SuperSlab. */
uint32_t units_idle_ms(void);

/* Gives empty SuperSlabs back and purges free units, those that waited; with `trim` all, but for `keep` bytes of empty SuperSlabs. Returns the bytes. */
size_t units_scavenge(bool trim, size_t keep, uint64_t now);

/* Gives all empty SuperSlabs back, without waiting and without purging anything. Returns the bytes. */
size_t units_release(void);

/* Whether megabytes of free units wait to be given back, for which some thread has to enter its slow path. */
extern bool units_much_dirty; /* atomic */
static inline bool units_wait(void) { return __atomic_load_n(&units_much_dirty, __ATOMIC_RELAXED); }

/* From here to units_unpin the SuperSlab stays mapped, even if it is empty: a thread that sleeps may be about to read a byte of it. */
void units_pin(struct superslab *ss);
void units_unpin(struct superslab *ss);

/* What the pool holds altogether. */
struct units_totals {
  uint32_t active;       /* SuperSlabs */
  uint32_t free_units;   /* units of no slab */
  uint64_t dirty_bytes;  /* of free units, with memory behind them */
  uint64_t mapped;       /* bytes of SuperSlabs */
};
void units_totals(struct units_totals *out);

/*
 * Calls `visit` for every SuperSlab, under the lock over them, so `visit` must not allocate, raise events or wait. With
 * `try_only`, returns false without a visit where the lock is taken (for signal handlers).
 */
bool units_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context);

/* The same for one that changes which units are free or gone (superslab_lose): that is booked. True: it goes on with the next SuperSlab. */
void units_change(bool (*change)(struct superslab *ss, void *context), void *context);

/* Whether `p` points into a SuperSlab. */
bool units_hold(const void *p);

/* For tests: no lock is held, and no other thread changes anything. */
bool units_are_valid(void);

/* For a fork. In the child, the lock released: what other threads were mapping or had pinned is theirs no more. */
extern const struct lock_row units_locks;
void units_fork_child(void);

#endif
