/*
 * tls_counts.h: what can be asked of all threads' lists by those that do not know what lists are made of.
 *
 *   operations on a class = those that were published + those that each thread's lists have counted since
 */
#ifndef HAKMEM_TLS_COUNTS_H
#define HAKMEM_TLS_COUNTS_H

#include "platform/base.h"

/*
 * Blocks of class `cls` in all threads' lists; *allocs, *frees: operations not published yet. Reads running
 * threads' budgets without synchronising: exact for threads at rest.
 */
uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees);

/* What the calling thread did since it last published its counts. Changes nothing: a signal handler may have interrupted it. */
void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees);

/* Publishes what is not published yet, of all threads: at the end of the process. */
void sll_publish_all(void);

/* Whether every operation goes through the slow path and raises its events: full tracing, or a checker that wants to see all. */
bool sll_goes_slow(void);

#endif
