/*
 * superslabs.h: all SuperSlabs of the process, and sums over them.
 *
 *   in the list, open SuperSlabs (superslab_is_open) stand before all others
 *   the totals are sums over the SuperSlabs: only superslabs_book changes them, from a SuperSlab's figures before and after a change
 *
 * One lock, which is not held during an event, nor during a system call that changes memory. units.c, which takes and gives units, is the only other file that uses the structure.
 */
#ifndef HAKMEM_SUPERSLABS_H
#define HAKMEM_SUPERSLABS_H

#include "platform/base.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "superslab.h"

extern struct superslabs {
  struct lock lock;
  struct superslab_list list;
  uint32_t active; /* SuperSlabs */
  uint32_t free_units, dirty_units, gone_units;
} superslabs;

/* ---- Changes. The lock is held. ---- */

/* The figures of a SuperSlab that the totals and its place in the list depend on. */
struct superslab_figures {
  uint32_t free, dirty, gone;
  bool open;
};
struct superslab_figures superslabs_figures(const struct superslab *ss);

/* Updates the totals and the list after a change of a SuperSlab; `before` are its figures before the change. */
void superslabs_book(struct superslab *ss, struct superslab_figures before);

/* A new SuperSlab, and one that is to be unmapped. */
void superslabs_add(struct superslab *ss);
void superslabs_remove(struct superslab *ss);

/* ---- For all. The lock is not held. ---- */

/* Whether megabytes of free units wait to be purged. Threads then enter their slow paths more often, because only these do it. */
extern bool superslabs_much_dirty; /* atomic */
static inline bool superslabs_are_dirty(void) { return __atomic_load_n(&superslabs_much_dirty, __ATOMIC_RELAXED); }

/* Until superslabs_unpin, the SuperSlab stays mapped even if it is empty: a thread that rests may be about to read a byte of it. */
void superslabs_pin(struct superslab *ss);
void superslabs_unpin(struct superslab *ss);

struct superslabs_totals {
  uint32_t active;      /* SuperSlabs */
  uint32_t free_units;  /* units in no slab */
  uint64_t dirty_bytes; /* resident bytes of free units */
  uint64_t mapped;      /* bytes of SuperSlabs */
};
void superslabs_totals(struct superslabs_totals *out);
extern const struct layout_units superslabs_layout;

/*
 * Calls `visit` for every SuperSlab, under the lock, so `visit` must not allocate, raise events or wait. With `try_only`, for signal handlers, returns false
 * without a visit if the lock is taken.
 */
bool superslabs_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context);

/* The same for a `change` that makes units free or gone (superslab_lose), after which the totals are updated. It returns true to go on to the next one. */
void superslabs_change(bool (*change)(struct superslab *ss, void *context), void *context);

/* Whether `p` points into a SuperSlab. */
bool superslabs_hold(const void *p);

/* For tests: no lock is held, and no other thread changes anything. */
bool superslabs_are_valid(void);

/* For a fork. */
extern const struct lock_row superslabs_locks;

#endif
