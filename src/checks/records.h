/*
 * records.h: facts about single blocks, by their addresses: who allocated each, when, and how many bytes were asked for. Only some blocks have a record:
 * all of the debugging mode and of the leak check, and sampled ones.
 *
 *   64 stripes, each an open-addressed table with a lock of its own:   2 * used <= capacity, a power of two
 *   a block has one record at most; that of a freed block stays until it is taken, replaced, or its place is needed
 */
#ifndef HAKMEM_RECORDS_H
#define HAKMEM_RECORDS_H

#include "platform/base.h"
#include "events.h"
#include "memory/layout.h"
#include "platform/lock.h"

struct record {
  const void *block;
  size_t requested;                   /* bytes */
  double weight;                      /* how many blocks this one stands for: more than 1 only if it is a sample (profile.h) */
  uint32_t alloc_stack, free_stack;   /* stack ids, 0: none */
  uint32_t alloc_thread, free_thread; /* as the kernel numbers them */
  uint32_t free_ms, alloc_ms;         /* os_now_ms, its lower half */
  uint8_t family;                     /* enum block_family of the function that allocated it; FAMILY_UNKNOWN: do not check it */
  bool freed : 1;
  bool marked : 1; /* free for use by a walk over the records */
  /* The debugging mode's: */
  bool held : 1;    /* the record stays, also when the block is freed */
  bool filled : 1;  /* freed, and filled */
  uint32_t checked; /* record_allocations when the block was last seen intact */
  size_t before;    /* bytes from the start of the core's block to this one */
};
static_assert(sizeof(struct record) == 64, "a record is one cache line");

/* Atomic. Counts the allocations of the debugging mode, which dates its checks by them; 0 without that mode. */
extern uint32_t record_allocations;

/* How many allocations ago the block was last seen intact: 1 at least; 0 without the debugging mode. */
uint32_t record_checked_ago(const struct record *record);

/* Fills *record for a block that the calling thread allocates now, at stack `stack`. Raises no event. */
void record_init(struct record *record, const void *block, size_t requested, uint32_t stack);

/* Notes in *record that the calling thread frees the block now, at stack `stack`. */
void record_freed(struct record *record, uint32_t stack);

/* Stores a copy; it replaces an older record of this block. No lock may be held. False if memory runs out. */
bool record_put(const struct record *record);

/*
 * From now on, a block belongs to malloc's family unless it is marked. Call this once a marker sees every block that C++ allocates. Before, their
 * family is unknown. This cannot be undone.
 */
void record_know_families(void);

/* The family of a block that is not marked. */
enum block_family record_family(void);

/* Sets the family of a block that has a record. */
void record_set_family(const void *block, enum block_family family);

/* Copies the block's record to *out; false if it has none. Any thread. It takes a lock that is never held across a system call. */
bool record_get(const void *block, struct record *out);

/*
 * The calling thread frees the block at stack `stack`: notes that. *out, unless NULL, becomes the record. False if there is no record, or the block was
 * freed before (then *out tells by which thread). If two threads free the same block, one of them gets true.
 */
bool record_free(const void *block, uint32_t stack, struct record *out);

/* Removes the record. False if there is none. */
bool record_take(const void *block);

/* Calls `visit` for each record, in no order, with a stripe's lock held: it must neither allocate nor use the records. */
void record_each(void (*visit)(struct record *record, void *context), void *context);

/* The same for the record of one block. False if it has none. */
bool record_visit(const void *block, void (*visit)(struct record *record, void *context), void *context);

/*
 * The same in steps: each call visits some records, and *at says where the next one goes on; zeros are the beginning. If `visit` returns false, the step
 * ends, and the next one begins with this record again. True if that was the last of all records; then *at is the beginning. A record that is there from
 * the beginning to the end is visited at least once.
 */
struct record_place {
  uint32_t stripe, version;
  size_t index;
};
bool record_walk(struct record_place *at, bool (*visit)(struct record *record, void *context), void *context);

/* Bytes of the large tables; small ones count as metadata (os_metadata_used). Signal safe. */
size_t record_bytes(void);
extern const struct layout_number record_layout;

/* For tests: no lock is held, and no other thread changes anything. */
bool records_are_valid(void);

extern const struct lock_row record_locks;

#endif
