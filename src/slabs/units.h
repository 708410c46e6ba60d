/*
 * units.h: who uses the units of the SuperSlabs: slabs of small blocks, and large blocks, each of which is a run of units.
 *
 *   free units are clean or dirty; dirty ones are purged when they have been idle for a while; empty SuperSlabs are unmapped
 *
 * All under the lock of superslabs.h, which is not held during an event, nor during a system call that changes memory.
 */
#ifndef HAKMEM_UNITS_H
#define HAKMEM_UNITS_H

#include "platform/base.h"
#include "events.h"
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

/* For tests: no lock is held, and no other thread changes anything. */
bool units_are_valid(void);

/* In a forked child, with the lock released: forgets what other threads were mapping, had pinned or were setting up. */
void units_fork_child(void);

#endif
