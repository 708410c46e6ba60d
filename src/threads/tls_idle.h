/*
 * tls_idle.h: collects the lists of threads that rest, and keeps an owner and a collecting thread apart.
 */
#ifndef HAKMEM_TLS_IDLE_H
#define HAKMEM_TLS_IDLE_H

#include "platform/base.h"
#include "tls_lists.h"

/* Waits until no other thread uses the slow paths' half of the calling thread's lists. Then repairs the lists if they were collected. */
NOINLINE void sll_wait(struct sll_cache *cache);

/* Between these two, no other thread touches the calling thread's lists. The pairs nest. */
static inline void sll_hold(struct sll_cache *cache) {
  __atomic_store_n(&cache->busy, cache->busy + 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST); /* enough for the compiler; for the processor, the claiming thread's membarrier orders it */
  if (UNLIKELY(__atomic_load_n(&cache->claim, __ATOMIC_RELAXED) != CLAIM_NONE)) sll_wait(cache);
}

static inline void sll_let_go(struct sll_cache *cache) { __atomic_store_n(&cache->busy, cache->busy - 1, __ATOMIC_RELEASE); }

/*
 * Returns to their slabs all blocks in lists of other threads that have not entered their slow paths since `before_ms`. Their owners
 * notice when they next enter them. Does nothing while another thread collects, or if the kernel has no membarrier.
 */
void sll_collect_idle(uint64_t before_ms, enum drain_reason reason);

void sll_idle_fork_child(void);

#endif
