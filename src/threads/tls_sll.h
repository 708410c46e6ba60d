/*
 * tls_sll.h: one operation on a thread's list, and the entrance to this floor: higher floors include only this file.
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
 * Pops a free block of the class, makes it live and counts it. Broken blocks are reported and taken out first. An empty list is refilled. NULL if no
 * memory is left anywhere.
 */
struct block *sll_take(struct sll_cache *cache, uint32_t cls);

/* Pushes a block whose header says free; counts it; drains if a drain is due. */
void sll_push(struct sll_cache *cache, uint32_t cls, struct block *block);

/* Counts the free of a block that must never be handed out again. */
void sll_abandon(struct sll_cache *cache, uint32_t cls);

#endif
