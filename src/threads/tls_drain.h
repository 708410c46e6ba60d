/*
 * tls_drain.h: what leaves a thread's lists: to the shared pool, whole (a drain, the end of a thread), or to the slabs of the blocks (a trim, and what idles).
 */
#ifndef HAKMEM_TLS_DRAIN_H
#define HAKMEM_TLS_DRAIN_H

#include "platform/base.h"
#include "tls_lists.h"

/* Whether a list of the class can go on with `block`, wherever a link that was written to may lead. */
static inline bool sll_goes_on_with(uint32_t cls, const struct block *block) { return directory_begins(cls, block) && block_can_pop(block); }

/* ---- One list. ---- */

/* Empties the list, or the spare list, and returns what was in it. */
struct chain sll_take_list(struct sll_cache *cache, uint32_t cls);
struct chain sll_take_spare(struct sll_cache *cache, uint32_t cls);
void sll_put_spare(struct sll_state *state, struct chain chain); /* where there is none */

/* What a push does when the list is too long, or the drain interval is over; arms the budgets. */
void sll_drain(struct sll_cache *cache, uint32_t cls, enum drain_reason reason);

/* ---- All lists of a thread, which is the calling one, has ended, or rests and is claimed. ---- */

/* Empties them: to the pool (DRAIN_EXIT), or to the slabs (DRAIN_TRIM keeps no empty slab). */
void sll_drain_all(struct sll_cache *cache, enum drain_reason reason);

/*
 * A thread has ended, and the lists wait for another one, which shall find them as new ones are but for a few blocks: what is more goes to the pool, whole
 * lists (DRAIN_EXIT). Everything is published, and the first blocks of what stays are checked.
 */
void sll_shorten(struct sll_cache *cache);

/*
 * Returns to the slabs what lies idle: the spare lists, half of each long list that was empty or too long since the last time, and all of the
 * others, also of those in use: they have more than they need, most likely strewn over slabs that nothing else keeps. What may lie in a list in use
 * shrinks. Due every half HAKMEM_RELEASE_DELAY; so a thread that had many blocks at once keeps none of their memory for long, as long as it enters its
 * slow path.
 */
void sll_decay(struct sll_cache *cache);

/* Checks every block of the lists. */
void sll_audit(struct sll_cache *cache);

/* ---- Blocks that are in no list any more. ---- */

/* Returns a chain of blocks of class `cls` to their slabs, wherever these are. Returns the slabs touched. */
uint32_t sll_return_blocks(uint32_t cls, struct chain chain, bool trim);

/* Hands a chain to the pool, whole; what overflows returns to its slabs. Returns the slabs touched. */
uint32_t sll_hand_over(uint32_t cls, struct chain chain);

/* Blocks of a class that were taken out of a list and its spare list. */
struct sll_drained {
  enum drain_reason reason;
  uint32_t before;          /* blocks in both lists, before anything was taken out */
  uint64_t start;           /* hub_ticks() then */
  struct chain list, spare;
};

/* Hands the blocks on, by the reason: to the pool, or to their slabs; raises the event if there are any. */
void sll_send(uint32_t cls, const struct sll_drained *drained);

#endif
