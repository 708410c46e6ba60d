/*
 * tls_drain.h: how blocks leave a thread's lists: to the shared pool whole (drain, end of a thread), or to their slabs (trim, idle blocks).
 */
#ifndef HAKMEM_TLS_DRAIN_H
#define HAKMEM_TLS_DRAIN_H

#include "platform/base.h"
#include "slabs/pool/shared_pool.h"
#include "tls_lists.h"

/* Whether `block` may follow in a list of the class. Safe for any address: the link may have been overwritten. */
static inline bool sll_goes_on_with(uint32_t cls, const struct block *block) { return directory_begins(cls, block) && block_can_pop(block); }

/* ---- One list. ---- */

/* Empties the list, or the spare list, and returns its blocks. */
struct chain sll_take_list(struct sll_cache *cache, uint32_t cls);
struct chain sll_take_spare(struct sll_cache *cache, uint32_t cls);
void sll_put_spare(struct sll_state *state, struct chain chain); /* only if there is no spare list */

/*
 * Called by a push if the list is too long, or the drain interval is over. Drains, and arms the budgets. It may also decay another class, whose list is old.
 */
void sll_drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason);

/* ---- All lists of a thread: the calling one, one that has ended, or one that rests and is claimed. ---- */

/* Empties them: to the pool (DRAIN_EXIT), or to the slabs (DRAIN_TRIM keeps no empty slab). */
void sll_drain_all(struct sll_cache *cache, enum drain_reason reason);

/*
 * Prepares the lists of a thread that has ended for the next thread. Publishes all counts and checks the first blocks of each list. A few blocks stay; the
 * rest goes to the pool in whole lists (DRAIN_EXIT).
 */
void sll_shorten(struct sll_cache *cache);

/*
 * Returns idle blocks of a class to their slabs, once in half a HAKMEM_RELEASE_DELAY, or when a drain finds the list old. So after a burst, a thread does
 * not keep the memory for long, as long as it enters its slow path. The spare list leaves, and of the list:
 *
 *   since the last decay    it was empty or too long         it was neither
 *   few operations          all; half of a long one          all
 *   many operations         half of a long one               half
 *
 * A list with many operations also keeps as many blocks as a sixteenth of those in use. It gives up half because its surplus is most likely strewn over
 * slabs that nothing else keeps. If refills replace what it gives up, it gives up some at every fourth decay only.
 */
void sll_decay_class(struct sll_cache *cache, uint32_t cls);

/* Checks every block of the lists. */
void sll_audit(struct sll_cache *cache);

/* ---- Blocks that are in no list. ---- */

/* Returns a chain of blocks of class `cls` to their slabs, in SuperSlabs or legacy. `trim`: keep no empty slab. Returns how many slabs it touched. */
uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim);

/*
 * Hands a chain to the pool, whole. Blocks that the pool has no place for are returned to their slabs: these, or an old batch of another class. Returns how
 * many slabs of this class it touched.
 */
uint32_t sll_hand_over(uint32_t cls, struct chain chain, enum pool_from from);

/* Blocks of a class that were taken out of a list and its spare list. */
struct sll_drained {
  enum drain_reason reason;
  enum pool_from from;
  uint32_t before; /* blocks in both lists, before anything was taken out */
  uint64_t start;  /* hub_ticks() then */
  struct chain list, spare;
};

/* Sends the blocks to the pool or to their slabs, by the reason. Raises the event if there are any. */
void sll_send(uint32_t cls, const struct sll_drained *drained);

#endif
