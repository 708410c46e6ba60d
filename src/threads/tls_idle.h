/*
 * tls_idle.h: the lists of threads that rest are collected by others; what keeps an owner and a collecting thread apart.
 */
#ifndef HAKMEM_TLS_IDLE_H
#define HAKMEM_TLS_IDLE_H

#include "platform/base.h"
#include "tls_lists.h"

/* Waits until the calling thread has the slow paths' half of its lists for itself, and puts right what was collected. */
NOINLINE void sll_wait(struct sll_cache *cache);

/* Between these two, which nest, no other thread touches the lists of the calling one. */
static inline void sll_hold(struct sll_cache *cache) {
  __atomic_store_n(&cache->busy, cache->busy + 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST); /* to the processor, the thread that claims says so */
  if (UNLIKELY(__atomic_load_n(&cache->claim, __ATOMIC_RELAXED) != CLAIM_NONE)) sll_wait(cache);
}

static inline void sll_let_go(struct sll_cache *cache) {
  __atomic_store_n(&cache->busy, cache->busy - 1, __ATOMIC_RELEASE);
}

/*
 * Returns everything to the slabs that lies in the lists of other threads which have not been in their slow paths since `before_ms`. Their owners
 * find it when they enter them next. Does nothing while another thread does the same, or if the system does not offer membarrier.
 */
void sll_collect_idle(uint64_t before_ms, enum drain_reason reason);

void sll_idle_fork_child(void);

#endif
