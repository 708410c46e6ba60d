/*
 * shared_fail.h: the event for a refusal by the shared pool: where the free blocks and the free capacity are, and the errno of the kernel.
 */
#ifndef HAKMEM_SHARED_FAIL_H
#define HAKMEM_SHARED_FAIL_H

#include "slabs/pool/shared_pool.h"
#include "tls_lists.h"

/*
 * Raises the event: class row `cls` asked for a run of `units` units. `own` are the calling thread's lists; NULL for large blocks, which
 * have none. No lock may be held. Returns the stack's id.
 */
uint32_t shared_fail_raise(const struct sll_cache *own, uint32_t cls, uint32_t units, struct units_refusal refusal);

#endif
