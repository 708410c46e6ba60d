/*
 * quarantine.h: small blocks that were freed and wait before they can be handed out again, so that a checker sees who still uses
 * them. First in, first out, for the whole process; only where hub_checked.
 */
#ifndef HAKMEM_QUARANTINE_H
#define HAKMEM_QUARANTINE_H

#include "platform/base.h"
#include "slabs/header.h"
#include "platform/lock.h"

/*
 * Takes a block whose header says free, and gives the oldest ones back to their slabs, so that no more than 65,536 blocks and 16 MiB
 * wait. No lock may be held.
 */
void quarantine_put(uint32_t cls, struct block *block);

/* Gives all of them back. */
void quarantine_empty(void);

/* Blocks of class `cls` that wait. */
uint32_t quarantine_count(uint32_t cls);

extern const struct lock_row quarantine_locks;

#endif
