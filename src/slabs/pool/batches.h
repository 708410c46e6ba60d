/*
 * batches.h: the batches of a class. A batch is a whole list that a thread drained; a refill takes it whole.
 *
 * Own batches and foreign ones are two stacks. Refills take from the foreign ones first. No function here locks: the owner holds the class's lock.
 */
#ifndef HAKMEM_BATCHES_H
#define HAKMEM_BATCHES_H

#include "platform/base.h"
#include "slabs/header.h"

/* Stands for the thread: its lists, which a later thread may inherit. Only compared. NULL in a thread that has none yet. */
extern __thread const void *pool_taker __attribute__((tls_model("initial-exec")));

/* Which thread freed the blocks of a batch. */
enum pool_from {
  POOL_OWN,     /* one that allocates from the class, too */
  POOL_FOREIGN, /* one that only frees what other threads allocated, or that has ended: it needs none of them again */
};

/* Which batches and slabs a thread may take from. */
enum whose {
  WHOSE_OWN, /* its own, and what is anyone's */
  WHOSE_ANY, /* those of other threads, too */
};

struct batches {
  uint32_t own, foreign;
  uint32_t unneeded; /* the oldest foreign batches, which no refill needed since the last scavenge: their least number in that time */
  uint64_t blocks;   /* of all of them */
  uint64_t used_ms;  /* when a batch was last taken for a refill, or given */
  size_t given;      /* bytes of own batches that all classes had been given then */
};

/* The newest batch that the thread may take, foreign ones first. Empty if there is none. */
struct chain batches_take(struct batches *b, uint32_t cls, enum whose whose);

/* The class is in use: its batches are not old, and not idle. batches_give says so itself. */
void batches_note_use(struct batches *b);

/* Keeps a chain, O(1). `used`: blocks that the class's slabs have handed out. False if there is no place for it. */
bool batches_give(struct batches *b, uint32_t cls, struct chain chain, enum pool_from from, uint64_t used);

/*
 * Beyond a few batches, foreign ones need a table; most classes never do. If it is lacking, call batches_make_table without the lock, and lock again. If
 * memory runs out, there is none, and such batches find no place.
 */
bool batches_lack_table(const struct batches *b, uint32_t cls);
void batches_make_table(uint32_t cls);

/* A batch that no refill needed since the last batches_note_rest. Empty if there is none. */
struct chain batches_take_unneeded(struct batches *b, uint32_t cls);
void batches_note_rest(struct batches *b, uint32_t cls);

/* ---- Old batches, without a lock. Figures of a class that another thread uses meanwhile may be wrong: ask again under its lock. ---- */

/* Whether a search for an old own batch is due. If so, it is not due again until some more were given. */
bool batches_search_due(void);

/* Bytes of own batches that were given to all classes since this one last gave or took one. */
size_t batches_age(const struct batches *b);

/* Whether the class keeps own batches although it is unlikely to use them again. */
bool batches_are_old(const struct batches *b);

/* The oldest own batch; there must be one. */
struct chain batches_take_oldest(struct batches *b, uint32_t cls);

/* For tests: no other thread changes anything. Adds the bytes of the class's own batches to *own; batches_own_bytes is the sum over all classes. */
bool batches_are_valid(const struct batches *b, uint32_t cls, size_t *own);
size_t batches_own_bytes(void);

#endif
