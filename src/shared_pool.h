/*
 * shared_pool.h: the SuperSlabs of the process, shared by all threads.
 *
 *   per class: batches (chains of free blocks that threads drained, handed on whole), and partial slabs
 *   for all:   the SuperSlabs, with their free units
 *
 * Locks: one per class over its batches and slabs, one over the SuperSlabs; never two at a time. Nothing
 * here holds a lock while it maps, unmaps, purges or raises an event.
 */
#ifndef HAKMEM_SHARED_POOL_H
#define HAKMEM_SHARED_POOL_H

#include "base.h"
#include "events.h"
#include "superslab.h"

/* Why the pool had nothing. */
struct pool_refusal {
  enum fail_reason reason;
  int error; /* of the system, an errno; 0 where it was not asked */
};

/* What a refill got, or why it got nothing. */
struct pool_answer {
  struct chain chain;             /* empty: shared_fail */
  enum refill_source source;
  struct pool_refusal refusal;    /* where the chain is empty */
  uint64_t over[STAGE_shared_fail]; /* when each stage had proved to have nothing: hub_ticks(); 0 where it served, was not reached, or was not timed */
};

/*
 * Blocks of class `cls`, at most `most` unless a batch is handed on: a batch, else a partial slab, else a fresh one. `timed`: the ends of
 * the first two stages are of interest, too; those of the others, which are long and rare, always are.
 */
struct pool_answer pool_refill(uint32_t cls, uint32_t most, bool timed);

/*
 * Takes a chain of free blocks of class `cls`, O(1). Where the class holds enough batches already, the oldest of
 * them comes back in its place, for pool_return_blocks.
 */
struct chain pool_give_batch(uint32_t cls, struct chain chain);

/*
 * Returns the blocks of *chain, all of class `cls`, to their slabs; those of legacy slabs go into *legacy. Stops at a block with a wrong header,
 * or one that a wrong link led to: it is the head of *chain then. `trim`: keep no empty slab. Returns how many slabs were touched.
 */
uint32_t pool_return_blocks(uint32_t cls, struct chain *chain, struct chain *legacy, bool trim);

/* A run of units for `size` bytes, not above pool_large_max(); NULL and *refusal where there is none. */
struct slab *pool_large_alloc(size_t size, bool *zeroed, struct pool_refusal *refusal);
void pool_large_free(struct slab *slab);

/* Makes the run long enough for `size`, and no longer, where it lies. False, and nothing changed, where it cannot be. */
bool pool_large_resize(struct slab *slab, size_t size);

/* The largest block that is a run of units in a SuperSlab: half of one. */
size_t pool_large_max(void);

/*
 * Returns batches that nobody took for HAKMEM_RELEASE_DELAY, purges free units, gives empty SuperSlabs back. With
 * `trim`, all of it without waiting, but for `keep` bytes of empty SuperSlabs.
 * `give_back` returns a batch to its slabs. Returns the bytes given back.
 */
size_t pool_scavenge(bool trim, size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* What the pool holds of a class. */
struct pool_usage {
  uint64_t slabs, capacity, used, bytes; /* slabs in use, their blocks, their blocks handed out, their bytes */
  uint64_t batched;                      /* free blocks in batches; part of `used` */
};
void pool_usage(uint32_t cls, struct pool_usage *out);

/* What the pool holds altogether. */
struct pool_totals {
  uint32_t active;       /* SuperSlabs */
  uint32_t free_units;   /* units of no slab */
  uint64_t dirty_bytes;  /* of free units, with memory behind them */
  uint64_t mapped;       /* bytes of SuperSlabs */
};
void pool_totals(struct pool_totals *out);

/*
 * Calls `visit` for every SuperSlab, under the lock over them, so `visit` must not allocate, raise events or wait. With
 * `try_only`, returns false without a visit where the lock is taken (for signal handlers).
 */
bool pool_visit(bool try_only, void (*visit)(struct superslab *ss, void *context), void *context);

/* Whether `p` points into a SuperSlab. */
bool pool_holds(const void *p);

/* Fork: take every lock, release every lock, make every lock new. */
void pool_fork_prepare(void);
void pool_fork_release(void);
void pool_fork_child(void);

#endif
