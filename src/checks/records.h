/*
 * records.h: what is known of single blocks, by their addresses: who allocated each, when, and how many bytes were asked for. For the
 * blocks that somebody wants to know of alone: the debugging mode's, sampled ones.
 *
 *   64 stripes, each an open-addressed table with a lock of its own:   2 * used <= capacity, a power of two
 *   a block has one record at most; that of a freed block stays until it is taken, replaced, or its place is needed
 */
#ifndef HAKMEM_RECORDS_H
#define HAKMEM_RECORDS_H

#include "platform/base.h"
#include "events.h"
#include "platform/lock.h"

struct record {
  const void *block;
  size_t requested; /* bytes */
  size_t sampled;   /* of a block that is a sample: the bytes that its chance came from (profile.h); 0: all blocks of its kind have a record */
  uint32_t alloc_stack, free_stack;   /* stack ids, 0: none */
  uint32_t alloc_thread, free_thread; /* as the kernel numbers them */
  uint32_t alloc_ms, free_ms;         /* os_now_ms, its lower half */
  uint8_t family;                     /* enum block_family: of the function that made it; unknown also where that was looked at already */
  bool freed;
  bool marked;                        /* whoever walks over the records may use it */
  /* The debugging mode's: */
  bool held;                          /* the record stays, also when the block is freed */
  bool filled;                        /* freed, and filled */
  size_t before;                      /* bytes from the start of the core's block to this one */
};

/*
 * Fills *record for a block that the calling thread allocates now, at stack `stack`. Raises no event.
 */
void record_init(struct record *record, const void *block, size_t requested, uint32_t stack);

/* Enters into *record that the calling thread frees the block now, at stack `stack`. */
void record_freed(struct record *record, uint32_t stack);

/* Enters a copy, in the place of what was known of this block. No lock may be held. False where the system has no memory for it. */
bool record_put(const struct record *record);

/*
 * From now on, blocks are malloc's unless they are marked: whoever marks sees all that C++ makes. Before that, their family is unknown. Not
 * undone.
 */
void record_know_families(void);

/* Enters of which family a block is whose record exists. */
void record_set_family(const void *block, enum block_family family);

/* Copies what is known of the block to *out. Any thread; never waits for the system. */
bool record_get(const void *block, struct record *out);

/*
 * The calling thread frees the block at stack `stack`: enters that. *out, where it is not NULL: what is known now. False where nothing is
 * known or it was freed before (then *out tells by whom): of two threads that free the same block, one gets true.
 */
bool record_free(const void *block, uint32_t stack, struct record *out);

/* Takes the record out. False where there is none. */
bool record_take(const void *block);

/* Calls `visit` for each record, in no order, with a stripe's lock held: it must neither allocate nor use the records. */
void record_each(void (*visit)(struct record *record, void *context), void *context);

/* Bytes of the tables. Signal safe. */
size_t record_bytes(void);

/* For tests: no lock is held, and no other thread changes anything. */
bool records_are_valid(void);

extern const struct lock_row record_locks;

#endif
