/*
 * tls_counts.h: questions about all threads' lists, for code that does not know how lists are built.
 *
 *   operations on a class = those that were published + those that each thread's lists have counted since
 */
#ifndef HAKMEM_TLS_COUNTS_H
#define HAKMEM_TLS_COUNTS_H

#include "platform/base.h"
#include "memory/layout.h"

/*
 * Blocks of class `cls` in all threads' lists; *allocs, *frees: operations not published yet. Reads running
 * threads' budgets without synchronising: exact for threads at rest.
 */
uint64_t sll_cached(uint32_t cls, uint64_t *allocs, uint64_t *frees);

/* Adds what sll_cached says of the operations of each class: one walk over the threads' lists, because a thousand of them are in no cache. */
void sll_add_unpublished(uint64_t *allocs, uint64_t *frees);

/* What the lists of one thread hold. `tid` 0: its thread has ended, and they wait for the next one. */
struct sll_holding {
  uint32_t tid;
  uint64_t bytes, seen_ms; /* when the thread was last in its slow path, by os_now_ms */
};
typedef void sll_visit_holding(const struct sll_holding *holding, void *context);
/* Visits the lists of every thread, as sll_cached reads them. */
void sll_each_holding(sll_visit_holding *visit, void *context);

/* The calling thread's operations since it last published its counts. Changes nothing: a signal handler may have interrupted the thread. */
void sll_unpublished(uint32_t cls, uint64_t *allocs, uint64_t *frees);

extern const struct layout_lists sll_layout;

/* Publishes the counts of all threads. For the end of the process. */
void sll_publish_all(void);

/* Whether every operation takes the slow path and raises its events: for full tracing, or for a checker. */
bool sll_goes_slow(void);

#endif
