/*
 * tls_sll.h: one operation on a thread's list, and the door of this floor: those above include this file alone.
 */
#ifndef HAKMEM_TLS_SLL_H
#define HAKMEM_TLS_SLL_H

#include "platform/base.h"
#include "tls_budget.h"
#include "tls_drain.h"
#include "tls_idle.h"
#include "tls_lists.h"
#include "tls_threads.h"

/*
 * A free block of the class, popped, made live and counted: the list's next, after what is broken was reported and taken out, or one of a
 * refill. NULL if no memory is to be had anywhere.
 */
struct block *sll_take(struct sll_cache *cache, uint32_t cls);

/* Pushes a block whose header says free; counts it; drains if a drain is due. */
void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block);

/* Counts a block that was given back but must never be handed out again. */
void sll_abandon(struct sll_cache *cache, uint32_t cls);

#endif
