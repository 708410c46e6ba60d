/*
 * reclaim.h: the last attempt before a request is refused: returns free memory that waits for its next use, so that the pool or the kernel may serve the
 * request after all.
 */
#ifndef HAKMEM_RECLAIM_H
#define HAKMEM_RECLAIM_H

#include "platform/base.h"
#include "threads/tls_lists.h"

/* How hard to try. If a step does not help enough, the next one follows. */
enum reclaim_step { RECLAIM_FREE, RECLAIM_TEAR, RECLAIM_STEPS };

/*
 * RECLAIM_FREE returns all free memory within reach, for a request of `size` bytes:
 *   the calling thread's lists `cache` (NULL if it has none), lists that wait for a thread, and lists of threads that rest
 *   blocks that are retired for a checker; batches; empty slabs and SuperSlabs; kept memory
 * Blocks in the lists of running threads stay there. Only unmapping counts here, so nothing is purged.
 *
 * RECLAIM_TEAR is for a shortage of address space. It unmaps the memory between the blocks of SuperSlabs in use: all free units, and the unneeded end of
 * each large block's last unit. That memory cannot be used again until its SuperSlab is unmapped.
 *
 * Returns whether to try the request again. False, and nothing was returned, if the request could not be served even then.
 */
bool reclaim_for(struct sll_cache *cache, size_t size, enum reclaim_step step);

#endif
