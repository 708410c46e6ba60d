/*
 * slab_list.h: the slabs of one class that have one owner: the shared pool or legacy. The partial ones are in a list, full ones are only counted.
 *
 *   head -> slab -> slab -> NULL     each has a free block, or room for one that is not being purged
 *
 *   slabs, capacity, bytes: sums over the slabs, partial or full;   used: their slab_used
 *
 * No function here locks: the owner holds its lock. Only slab_list_purge_tails takes it itself.
 */
#ifndef HAKMEM_SLAB_LIST_H
#define HAKMEM_SLAB_LIST_H

#include "platform/base.h"
#include "platform/lock.h"
#include "superslab.h"

struct slab_list {
  struct slab *head;
  struct slab *cursor; /* of the walk that looks for tails: the next one, NULL at its end */
  uint32_t slabs;
  uint64_t capacity, used;
  uint64_t bytes;
  struct block *broken; /* slab_take found it: the owner reports it, without a lock, and clears this */
  uint64_t emptied_ms; /* when its owner last found one of them empty */
};

/* Brings in a fresh slab. */
void slab_list_add(struct slab_list *list, struct slab *slab);

/* Takes up to `most` blocks from the first partial slab. False if there is none. */
bool slab_list_take(struct slab_list *list, uint32_t most, struct chain *chain);

/*
 * Takes one block back into `slab`, which is of this list. Returns true if the slab is empty now; it stays in the list
 * until one of the next two takes it out.
 */
bool slab_list_give(struct slab_list *list, struct slab *slab, struct block *block);

/* Puts an empty slab in front of *empties. Without `all`, it stays if it is the only partial one, so that a class at its edge does not come and go. */
void slab_list_shed(struct slab_list *list, struct slab *slab, bool all, struct slab **empties);

/* Puts every empty slab in front of *empties. */
void slab_list_shed_empty(struct slab_list *list, struct slab **empties);

/*
 * Hands the slabs that were put in front of *empties to `release`, and returns the sum of what it returns. No lock may be held. The event of each comes
 * first, because a slab that is released may be in use again at once.
 */
size_t slabs_release(struct slab *empties, size_t (*release)(struct slab *slab));

/* What a process has no block of is not locked either: its lines of the owner's table need no memory. */
bool slab_list_is_unused(const struct slab_list *list);

bool slab_list_is_valid(const struct slab_list *list);

/*
 * ---- Tails: tails.c. ----
 *
 * Of a slab that nothing is taken from, what lies behind the last block in use is purged: the few blocks of a burst that live on keep pages, not slabs.
 */
enum tails_of {
  TAILS_OF_FIRST, /* the first slab, which is always in use, but of which its present blocks may be the least part: for a class in use */
  TAILS_OF_IDLE,  /* and of slabs that nothing was taken from for a while: the next few that there are */
  TAILS_OF_ALL,   /* all: for a trim. What was walked past is not seen again, whatever other threads do meanwhile */
};

/* slab_trim_begin and slab_trim_end of a slab in the list; the second returns true if it is empty then, as slab_list_give does. */
bool slab_list_trim_begin(struct slab_list *list, struct slab *slab, uint32_t least, struct slab_tail *tail);
bool slab_list_trim_end(struct slab_list *list, struct slab *slab);

/*
 * Purges tails of the slabs of `list`, a few at a time, whose lock is `lock`; not held. Slabs that are empty then are put in front of *empties, but for the
 * only partial one unless all tails were asked for. Returns the bytes.
 */
size_t slab_list_purge_tails(struct slab_list *list, struct lock *lock, enum tails_of which, uint64_t now, struct slab **empties);

/* Whether the calling thread is in the middle of it: a signal handler may fork. */
bool tails_in_hand(void);

/* In a forked child: ends what other threads were in the middle of. `list_of`: the list of a SuperSlab's slab. */
void tails_fork_child(struct slab_list *(*list_of)(const struct slab *slab));

#endif
