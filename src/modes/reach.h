/*
 * reach.h: which live blocks can be reached from memory outside of the heap, judged by words that look like pointers.
 *
 *   a word that points anywhere into a live block, to its start or into its middle, reaches it
 *   a block that is reached is read in turn
 *   LEAK_REACHABLE: reached; LEAK_INDIRECT: only unreachable blocks point to it; LEAK_LOST: nothing points to it, or it is the first of a ring
 *
 * For the end of the process, by one thread. Memory is read through the kernel, so that unmapped memory causes no fault. Nothing here
 * calls malloc.
 */
#ifndef HAKMEM_REACH_H
#define HAKMEM_REACH_H

#include "platform/base.h"
#include "events.h"

/*
 * Records which blocks are live. `alone`: there is no other thread. False if there is no memory for that, or if the kernel does not let the
 * process read itself.
 */
bool reach_begin(bool alone);

/* Reads the words of [start, end), one mapping or a part of one, and marks the blocks that they reach. Skips hakmem's own memory in it. */
void reach_from(uintptr_t start, uintptr_t end);

/*
 * Bytes from `start` on, the address of a page, that were never written to, as far as the kernel was asked. 0: the page may have content. Reading untouched
 * memory costs as much as writing to it. If the program serves its faults itself (userfaultfd), the read may never return.
 */
size_t reach_untouched(uintptr_t start);

/* Reads the reached blocks once more: other threads may have moved pointers into them. */
void reach_again(void);

/*
 * Call this last. Calls `visit` for each live block that has a record: its kind, the bytes asked for, and the id of the stack that allocated it (0: not
 * known). Blocks without a record belong to the instrumentation.
 */
void reach_end(void (*visit)(enum leak_kind kind, size_t bytes, uint32_t stack));

#endif
