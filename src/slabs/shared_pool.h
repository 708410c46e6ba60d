/*
 * shared_pool.h: the free blocks that all threads share, by class: batches (chains of blocks that threads drained, handed on whole), and partial
 * slabs, whose units come from the SuperSlabs (units.h).
 *
 * One lock per class; never two at a time, nor with that of units.h. Nothing here holds one while an event is raised.
 */
#ifndef HAKMEM_SHARED_POOL_H
#define HAKMEM_SHARED_POOL_H

#include "platform/base.h"
#include "events.h"
#include "platform/lock.h"
#include "superslab.h"
#include "units.h"

/* What a refill got, or why it got nothing. */
struct pool_answer {
  struct chain chain;             /* empty: shared_fail */
  enum refill_source source;
  struct block *broken;           /* not NULL: a free block that was written to, see slab_take; to be reported */
  struct units_refusal refusal;    /* where the chain is empty */
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

/*
 * Returns the batches of a class of which none came or went for half a HAKMEM_RELEASE_DELAY, purges free units, gives empty SuperSlabs back. With
 * `trim`, all of it without waiting, but for `keep` bytes of empty SuperSlabs.
 * `give_back` returns a batch to its slabs. Returns the bytes given back.
 */
size_t pool_scavenge(bool trim, size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* Returns all batches, and gives all empty slabs and SuperSlabs back; purges nothing. */
void pool_reclaim(uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* What the pool holds of a class. */
struct pool_usage {
  uint64_t slabs, capacity, used, bytes; /* slabs in use, their blocks, their blocks handed out, their bytes */
  uint64_t batched;                      /* free blocks in batches; part of `used` */
};
void pool_usage(uint32_t cls, struct pool_usage *out);
uint64_t pool_used(uint32_t cls); /* `used` alone */

/* Milliseconds since a block was last taken from a slab of the class, on average over its partial slabs (the first of them, where there are many). */
uint64_t pool_idle_ms(uint32_t cls);

/* For tests: no lock is held, and no other thread changes anything. */
bool pool_is_valid(void);

/* For a fork. In the child, the locks released: ends what other threads were in the middle of. */
extern const struct lock_row pool_locks;
void pool_fork_child(void);

#endif
