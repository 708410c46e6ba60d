/*
 * retired.h: small blocks that were freed while a checker watches. They are not handed out again for a while, so that the checker sees late uses
 * of them. First in, first out, for the whole process. (The debugging mode's quarantine is another thing: debug.c.) Not in the plain build.
 */
#ifndef HAKMEM_RETIRED_H
#define HAKMEM_RETIRED_H

#include "platform/base.h"
#include "memory/layout.h"
#include "slabs/header.h"
#include "platform/lock.h"

/* Returns a chain of blocks of class `cls` to their slabs; see sll_return_blocks. */
typedef uint32_t retired_give_back(uint32_t cls, struct chain chain, bool trim);

/*
 * Takes a block whose header says free. Passes the oldest blocks to `give_back`, so that no more than 65,536 blocks and 16 MiB
 * wait. No lock may be held.
 */
void retired_put(uint32_t cls, struct block *block, retired_give_back *give_back);

/* Passes all of them to `give_back`. */
void retired_empty(retired_give_back *give_back);

/* How many blocks of class `cls` wait. */
uint32_t retired_count(uint32_t cls);
extern const struct layout_number retired_layout; /* all of these counts */

extern const struct lock_row retired_locks;

#endif
