/*
 * recent.h: the blocks that the debugging mode allocated or freed last. Each allocation looks at the bytes around them, so their addresses are kept here
 * ready for use: nothing is searched and one lock is taken.
 *
 *   block:  ... | redzone | content | redzone | ...       of a live block, the redzones are looked at
 *                           ↑ 64 ↑ .. ↑ 64 ↑              of a freed one, both ends of its content as well
 *
 * A block must be forgotten before its memory can be used for something else. Not in the plain build.
 */
#ifndef HAKMEM_RECENT_H
#define HAKMEM_RECENT_H

#include "platform/base.h"
#include "platform/lock.h"
#include "checks/records.h"

#define RECENT_BLOCKS 64u

/* A row of bytes that all have one value, as long as no program writes there. */
struct recent_row {
  const uint8_t *start;
  size_t size;
};

struct recent_block {
  const void *block;             /* NULL: an empty place */
  struct recent_row redzones[2]; /* filled with REDZONE_PATTERN */
  struct recent_row content[2];  /* filled with config.fill; size 0 if the block is live */
  bool freed;                    /* a block of no bytes has no content either way */
  bool whole;                    /* these rows are all of the block that the debugging mode filled */
  bool closely;                  /* the rows may be closed by the program: the block is always a suspect */
  uint32_t checked;              /* record_allocations when the rows were last seen intact */
};

#define REDZONE_PATTERN ((uint8_t)0xb7) /* of redzones */

/* The block was allocated or freed just now. If that displaced another one, *displaced becomes it; else its `block` becomes NULL. */
void recent_note(const struct recent_block *block, struct recent_block *displaced);

/* From here on, no look reads the memory of the block. */
void recent_forget(const void *block);

/* Looks at all. Fills `suspects` with the blocks that seem damaged or that must be looked at closely, and returns their number. */
uint32_t recent_look(const void *suspects[RECENT_BLOCKS]);

/* How many allocations ago the block was last seen intact, here or by its record: 1 at least; 0 without the debugging mode. */
uint32_t recent_checked_ago(const struct record *record);

extern const struct lock_row recent_locks;

#endif
