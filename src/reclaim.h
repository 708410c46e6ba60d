/*
 * reclaim.h: what is done before a request is refused: free memory that waits somewhere for its next use is given back, so that the pool or
 * the system may serve after all.
 */
#ifndef HAKMEM_RECLAIM_H
#define HAKMEM_RECLAIM_H

#include "base.h"
#include "tls_sll.h"

/*
 * Gives back all free memory that can be reached, for a request of `size` bytes: the lists `cache` of the calling thread, NULL if it has none; lists that
 * wait for a thread; quarantined blocks; batches; empty slabs and SuperSlabs; kept memory. What lies in the lists of other threads stays there. Memory
 * that is no longer mapped is all that counts, so nothing is purged. Returns whether it is worth asking again. False, and nothing was given back, when
 * the request could not be served even then.
 */
bool reclaim_for(struct sll_cache *cache, size_t size);

#endif
