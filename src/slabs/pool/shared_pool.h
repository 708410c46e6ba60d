/*
 * shared_pool.h: the free blocks that all threads share, by class: batches (chains of drained blocks, which a thread takes whole), and partial
 * slabs, whose units come from the SuperSlabs (units.h).
 *
 * One lock per class. A thread never holds two of them, nor one together with that of superslabs.h. No lock is held while an event is raised.
 */
#ifndef HAKMEM_SHARED_POOL_H
#define HAKMEM_SHARED_POOL_H

#include "platform/base.h"
#include "events.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "batches.h"
#include "slabs/superslab.h"
#include "slabs/units.h"

/* The blocks of a refill, or the reason why there are none. */
struct pool_answer {
  struct chain chain; /* empty: shared_fail */
  enum refill_source source;
  struct broken_link broken;        /* found by slab_take: the caller reports it */
  struct units_refusal refusal;     /* if the chain is empty */
  uint64_t over[STAGE_shared_fail]; /* hub_ticks() when a stage had found nothing; 0 if it served, was not reached, or was not timed */
};

/*
 * Blocks of class `cls`: a batch, which is taken whole; else up to `most` blocks of a partial slab, else of a fresh one. Small blocks come from foreign
 * batches, and from what the thread itself gave or took from last. They come from any batch and slab if more of these would take too much memory. `timed`:
 * also note the ends of the first two stages. Those of the others, which are long and rare, are always noted.
 */
struct pool_answer pool_refill(uint32_t cls, uint32_t most, bool timed);

/* Blocks that the caller is to return to their slabs, and their class. */
struct pool_overflow {
  uint32_t cls;
  struct chain chain;
};

/*
 * Takes a chain of free blocks of class `cls`, O(1). If the class has enough batches already, the overflow is the chain itself. Else it may be a batch
 * of any class that was not used for long. Mostly it is empty.
 */
struct pool_overflow pool_give_batch(uint32_t cls, struct chain chain, enum pool_from from);

/*
 * Returns the blocks of *chain, all of class `cls`, to their slabs. Blocks of legacy slabs are moved to *legacy. Stops at a block with a wrong header,
 * or one that a wrong link leads to, which then is the head of *chain. `trim`: keep no empty slab. Returns how many slabs it touched.
 */
uint32_t pool_return_blocks(uint32_t cls, struct chain *chain, struct chain *legacy, bool trim);

/*
 * Returns the batches of the class if it neither took nor gave one for half a HAKMEM_RELEASE_DELAY, and purges what lies behind the last blocks of its
 * slabs. With `trim`, does that without waiting. `now`: os_now_ms. `give_back` returns a batch to its slabs. Returns how many bytes were purged.
 */
size_t pool_scavenge_class(uint32_t cls, bool trim, uint64_t now, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* Trims all classes and the units, except for `keep` bytes of empty SuperSlabs. Returns how many bytes were returned to the kernel. */
size_t pool_trim(size_t keep, uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* Returns all batches to their slabs, releases all empty slabs, and unmaps all empty SuperSlabs. Purges nothing. */
void pool_reclaim(uint32_t (*give_back)(uint32_t cls, struct chain chain, bool trim));

/* The pool's share of a class. */
struct pool_usage {
  uint64_t slabs, capacity, used, bytes; /* slabs in use, their blocks, their blocks handed out, their bytes */
  uint64_t batched;                      /* free blocks in batches; part of `used` */
};
void pool_usage(uint32_t cls, struct pool_usage *out);
uint64_t pool_used(uint32_t cls); /* only `used` */

/* Milliseconds since a block was last taken from a slab of the class: the average over its partial slabs (over the first ones, if there are many). */
uint64_t pool_idle_ms(uint32_t cls);

/* For tests: no lock is held, and no other thread changes anything. */
bool pool_is_valid(void);

extern const struct layout_pool pool_layout;

/* For a fork. In the child, with the locks released: completes what other threads had begun. */
extern const struct lock_row pool_locks;
void pool_fork_child(void);

#endif
