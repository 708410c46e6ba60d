/*
 * guard_slots.h: the slots for guarded blocks; guard.h draws them. A slot is free, or taken by one block. This file chooses which free slot is used
 * next.
 */
#ifndef HAKMEM_GUARD_SLOTS_H
#define HAKMEM_GUARD_SLOTS_H

#include "platform/base.h"
#include "platform/lock.h"
#include "checks/records.h"

enum slot_state { SLOT_EMPTY, SLOT_LIVE, SLOT_FREED };

struct guard_slot {
  struct record known; /* of the last block; block NULL: the slot was never used */
  uint32_t cls;
  bool marked;    /* see os_mark; set when the slot is first used */
  bool reported;  /* a thread is reporting writes into the slack, and repairs it then */
  uint32_t state; /* atomic, enum slot_state. Between two blocks, a slot is empty while it is filled in */
};

#define PIECES_MAX 192 /* of a row */

/*
 *   ready = piece * (pieces that are ours) <= piece * begun <= count;   fresh <= queued <= ready
 *   queue: a ring of `queued` indices, the oldest at queue[first]; the first `fresh` of them were never used. A slot is queued once, or taken
 */
struct row {
  const size_t pages;         /* of a slot */
  const uint32_t most, piece; /* slots in the row, and slots in a piece, which is reserved as a whole */
  uintptr_t base;
  size_t slot_size, stride, piece_size;
  struct guard_slot *slots;
  uint32_t *queue;
  bool ours[PIECES_MAX]; /* atomic, of each piece */
  uint32_t count;
  uint32_t begun, ready, fresh, first, queued;
};
#define GUARD_ROWS 6
extern struct row guard_rows[GUARD_ROWS];

extern struct lock guard_lock; /* over the rows' last line, and over the change from live to freed */

/* The address space for all rows; does not change after the start. */
extern struct guard_region {
  uintptr_t base;
  size_t size;
} guard_region;

/*
 * Chooses the region, once, for guarding one of `rate` allocations. False, after a message, if there is no address space for it. If it is called while
 * the program runs: one thread at a time.
 */
bool guard_start(uint32_t rate);

/* Whether the piece that `p` points into is reserved. `p` is in the region. Signal safe. */
bool guard_holds(const void *p);

/* The row whose slots are large enough; NULL if there is none. */
struct row *slots_row_for(size_t size, size_t align);

/* The row that an address of the region belongs to. */
struct row *slots_row_at(uintptr_t address);

/* The address of the slot with this index. */
uintptr_t slots_start(const struct row *row, uint32_t index);

/* Takes a free slot, and sets *index. False if there is none. No lock may be held. */
bool slots_take(struct row *row, uint32_t *index);

/* Frees the slot. */
void slots_give(struct row *row, uint32_t index);

/* For tests: no other thread takes or frees a slot. */
bool slots_are_valid(void);

#endif
