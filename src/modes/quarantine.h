/*
 * quarantine.h: small blocks that were freed and wait before they can be handed out again, so that a checker sees who still uses
 * them. First in, first out, for the whole process; only where hub_checked.
 */
#ifndef HAKMEM_QUARANTINE_H
#define HAKMEM_QUARANTINE_H

#include "platform/base.h"
#include "slabs/header.h"
#include "platform/lock.h"

/* Returns the blocks of `chain`, all of class `cls`, to their slabs: sll_return_blocks. */
typedef uint32_t quarantine_end(uint32_t cls, struct chain chain, bool trim);

/*
 * Takes a block whose header says free, and hands the oldest ones to `end`, so that no more than 65,536 blocks and 16 MiB
 * wait. No lock may be held.
 */
void quarantine_put(uint32_t cls, struct block *block, quarantine_end *end);

/* Hands all of them to `end`. */
void quarantine_empty(quarantine_end *end);

/* Blocks of class `cls` that wait. */
uint32_t quarantine_count(uint32_t cls);

extern const struct lock_row quarantine_locks;

#endif
