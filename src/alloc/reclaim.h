/*
 * reclaim.h: what is done before a request is refused: free memory that waits somewhere for its next use is given back, so that the pool or
 * the system may serve after all.
 */
#ifndef HAKMEM_RECLAIM_H
#define HAKMEM_RECLAIM_H

#include "platform/base.h"
#include "threads/tls_lists.h"

/* How hard to try; after a step that helped too little, the next. */
enum reclaim_step { RECLAIM_FREE, RECLAIM_TEAR, RECLAIM_STEPS };

/*
 * RECLAIM_FREE gives back all free memory that can be reached, for a request of `size` bytes: the lists `cache` of the calling thread, NULL if it has
 * none; lists that wait for a thread, and those of threads that rest; blocks that are retired for a checker; batches; empty slabs and SuperSlabs; kept memory. What lies
 * in the lists of running threads stays there. Only unmapping counts here, so nothing is purged. RECLAIM_TEAR, for when address
 * space is short, unmaps what SuperSlabs in use have between their blocks: all free units, and of large blocks what their last unit has more than they
 * need. None of it can be used again until its SuperSlab is unmapped. Returns whether it is worth asking again. False, and nothing was given back, when the request could not be
 * served even then.
 */
bool reclaim_for(struct sll_cache *cache, size_t size, enum reclaim_step step);

#endif
