/*
 * seen.h: when the header of a free block was last seen good. So a report can say how old an overrun into the block is at most.
 *
 * A table of SEEN_BLOCKS blocks, one line a block, in one of four places by its hash. The newest line replaces the oldest.
 */
#ifndef HAKMEM_SEEN_H
#define HAKMEM_SEEN_H

#include "platform/base.h"
#include "events.h"

#define SEEN_BLOCKS 2048u

#if HAKMEM_EVENTS

/* The block's header is good now. `when`: the time in ms (os_now_ms), shifted left by 32, and the number of the thread that looked. */
void seen_good(const void *block, uint64_t when);

/* When the block was last seen good, in ms as os_now_ms counts, and by which thread. False if that is not known. */
bool seen_last_good(const void *block, uint32_t *ms, uint32_t *thread);

#endif

#endif
