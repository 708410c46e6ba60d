/*
 * reach.h: which live blocks can be reached from memory outside of the heap, as far as words that look like pointers tell.
 *
 *   a word that points anywhere into a live block, to its start or into its middle, reaches it
 *   what is reached is read in turn
 *   LEAK_REACHABLE: reached; LEAK_INDIRECT: only blocks that are not reached lead to it; LEAK_LOST: nothing does, or it is the first of a ring
 *
 * For the end of the process, by one thread. Memory is read through the kernel, so what is not there any more does not fault. Nothing here
 * calls malloc.
 */
#ifndef HAKMEM_REACH_H
#define HAKMEM_REACH_H

#include "platform/base.h"
#include "events.h"

/*
 * Takes down which blocks are live. `alone`: there is no other thread. False if there is no memory for that, or the system does not let a
 * process read itself.
 */
bool reach_begin(bool alone);

/* What the words of [start, end), one mapping or a part of one, lead to is reached. What hakmem has mapped there for itself and its blocks is left out. */
void reach_from(uintptr_t start, uintptr_t end);

/* Has the blocks that were reached read once more: other threads may have moved pointers into them. */
void reach_again(void);

/*
 * Once everything is read from. Calls `visit` for each live block that has a record (others are the instrumentation's own): bytes asked for, and
 * the stack where it was allocated, 0: not known.
 */
void reach_end(void (*visit)(enum leak_kind kind, size_t bytes, uint32_t stack));

#endif
