/*
 * tls_threads.h: a thread's way into its slow path and out of it; the start and the end of its lists; a fork.
 */
#ifndef HAKMEM_TLS_THREADS_H
#define HAKMEM_TLS_THREADS_H

#include "platform/base.h"
#include "tls_lists.h"

/* Once, before main. */
void sll_start(void);

/*
 * The lists for one operation of the calling thread's slow path: its own, made if it has none yet; for a thread that has
 * ended already, borrowed ones. NULL if the system has no memory. Give back with sll_leave.
 */
struct sll_cache *sll_enter(void);

/*
 * Ends the operation: does what is due now and then (sampling, schedule, scavenging), gives borrowed lists back. No block
 * may be on its way.
 */
void sll_leave(struct sll_cache *cache);

/* Whether the look-up that comes now is to be timed; ends the blindness that a sample needed. */
bool sll_take_sample(struct sll_cache *cache);

/*
 * Returns everything in the lists of threads that ended to the slabs, and returns whether there were any; checks it, where it is, at the end of
 * the process.
 */
bool sll_trim_ended(void);
void sll_audit_ended(void);

void sll_fork_prepare(void); /* before any lock is taken: no thread collects the calling one's lists until one of the other two */
void sll_fork_parent(void);
void sll_fork_child(void);

#endif
