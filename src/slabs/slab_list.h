/*
 * slab_list.h: the slabs of one class that have one owner: the shared pool or legacy. Partial slabs are in a list; full ones are only counted.
 *
 *   head -> slab -> slab -> NULL     each has a free block, or room for one that is not being purged
 *
 *   slabs, capacity, bytes: sums over the slabs, partial or full;   used: their slab_used
 *
 * No function here locks: the owner holds its lock. Only slab_list_purge_tails takes it.
 */
#ifndef HAKMEM_SLAB_LIST_H
#define HAKMEM_SLAB_LIST_H

#include "platform/base.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "superslab.h"

struct slab_list {
  struct slab *head;
  struct slab *cursor; /* of the walk that looks for tails: the next one, NULL at its end */
  uint32_t slabs;
  uint64_t capacity, used;
  uint64_t bytes;
  struct broken_link broken; /* found by slab_take. The owner reports it without a lock, and clears this */
  uint64_t emptied_ms;       /* when the owner last found a slab empty */
};

/* Adds a fresh slab. */
void slab_list_add(struct slab_list *list, struct slab *slab);

/*
 * Moves a partial slab that `taker` took from last to the front, if there is one among the first few. Otherwise returns false if a fresh slab is better than
 * the first one, because there are only a few.
 */
bool slab_list_prefer(struct slab_list *list, const void *taker);

/* Takes up to `most` blocks from the first partial slab. False if there is none. */
bool slab_list_take(struct slab_list *list, uint32_t most, const void *taker, struct chain *chain);

/* Puts a slab that has become partial into the list. */
void slab_list_link(struct slab_list *list, struct slab *slab);

/*
 * Returns one block to `slab`, which is of this list. Returns true if the slab is empty now. It stays in the list
 * until one of the next two functions removes it.
 */
ALWAYS_INLINE bool slab_list_give(struct slab_list *list, struct slab *slab, struct block *block) {
  if (UNLIKELY(slab_is_full(slab))) slab_list_link(list, slab);
  slab_give(slab, block);
  list->used--;
  return slab_used(slab) == 0;
}

/* Moves an empty slab to the front of *empties. Without `all`, the only partial slab stays, so that the class does not release and acquire it in turn. */
void slab_list_shed(struct slab_list *list, struct slab *slab, bool all, struct slab **empties);

/* Moves every empty slab to the front of *empties. */
void slab_list_shed_empty(struct slab_list *list, struct slab **empties);

/*
 * Passes the slabs in *empties to `release`, and returns the sum of its results. No lock may be held. The event of each slab is raised
 * first, because a released slab may be in use again at once.
 */
size_t slabs_release(struct slab *empties, size_t (*release)(struct slab *slab));

/* True for a class of which the process has no slab. Then the owner's lock is not taken, so that its table's pages stay untouched. */
bool slab_list_is_unused(const struct slab_list *list);

bool slab_list_is_valid(const struct slab_list *list);

extern const struct layout_slabs slab_layout;

/*
 * ---- Tails: tails.c. ----
 *
 * Purges the memory behind the last used block of an idle slab. So the few blocks that survive a burst keep pages, not whole slabs.
 */
enum tails_of {
  TAILS_OF_FIRST, /* of the first slab, which is in use, though perhaps with few blocks: for a class in use */
  TAILS_OF_IDLE,  /* also of the next few slabs that no block was taken from for a while */
  TAILS_OF_ALL,   /* of all slabs: for a trim. It misses no slab, even if other threads change the list meanwhile */
};

/* slab_trim_begin and slab_trim_end for a slab in the list. The second returns true if the slab is empty now, as slab_list_give does. */
bool slab_list_trim_begin(struct slab_list *list, struct slab *slab, uint32_t least, struct slab_tail *tail);
bool slab_list_trim_end(struct slab_list *list, struct slab *slab);

/*
 * Purges tails of the slabs of `list`, a few at a time. `lock` is the list's lock, which the caller does not hold. Slabs that become empty are moved to
 * *empties, except for the only partial one unless all tails were asked for. Returns the bytes.
 */
size_t slab_list_purge_tails(struct slab_list *list, struct lock *lock, enum tails_of which, uint64_t now, struct slab **empties);

/* Whether the calling thread is purging tails: true if a signal handler asks that interrupted it. */
bool tails_in_hand(void);

/* In a forked child: completes what other threads had begun. `list_of` returns the list of a SuperSlab's slab. */
void tails_fork_child(struct slab_list *(*list_of)(const struct slab *slab));

#endif
