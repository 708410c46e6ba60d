/*
 * tls_threads.h: how a thread enters and leaves its slow path; the start and the end of its lists; forks.
 */
#ifndef HAKMEM_TLS_THREADS_H
#define HAKMEM_TLS_THREADS_H

#include "platform/base.h"
#include "tls_lists.h"

/* Called once, before main. */
void sll_start(void);

/*
 * The lists for one operation of the calling thread in its slow path: its own, made if it has none yet, or borrowed ones if the thread has
 * ended already. NULL if memory runs out. Call sll_leave afterwards.
 */
struct sll_cache *sll_enter(void);

/*
 * Ends the operation: does what is due (sampling, schedule, scavenging), and returns borrowed lists. Every block must be in a list,
 * a slab, or the program's hands.
 */
void sll_leave(struct sll_cache *cache);

/*
 * A series of whole calls is timed as the program meets them. Between two of them, the thread holds sll_empty. So its next call, of any kind, leaves
 * the fast path before it reads a list, a header or the directory. There sll_resume gives the thread its lists again. If its result is not 0, the
 * caller repeats the call on the fast path, and then calls sll_resumed. A result above SAMPLE_CALLS: the call only warms up the code.
 */
#define SAMPLE_CALLS 4u
uint32_t sll_resume_lists(void);
/* The thread's lists also while sll_self is empty; NULL: it has none. */
struct sll_cache *sll_own(void);
static inline uint32_t sll_resume(void) { return HAKMEM_EVENTS && UNLIKELY(sll_self == &sll_empty) ? sll_resume_lists() : 0; }
void sll_resumed(void);
/* Calls of a series of this thread stand for this many times as many others as those of its first ones, because the gaps between series grow. */
uint32_t sll_sample_weight(void);

/* Whether to time the look-up that follows. Gives the thread its real directory again. */
bool sll_take_sample(struct sll_cache *cache);

/*
 * sll_trim_ended returns all blocks in lists of ended threads to their slabs, and returns whether there were such lists. sll_audit_ended checks these
 * blocks in place, at the end of the process.
 */
bool sll_trim_ended(void);
void sll_audit_ended(void);

/*
 * Returns all free memory within reach to the kernel, except for `keep` bytes of empty SuperSlabs. `cache`: the calling thread's lists, NULL if it has
 * none. Blocks in lists of threads that are in the middle of an operation stay. Returns the bytes.
 */
size_t sll_release_all(struct sll_cache *cache, size_t keep);

/* Whether the calling thread is in no slow path, for a signal handler that may have interrupted one. */
bool sll_is_outside(void);

void sll_fork_prepare(void); /* before any lock is taken: until one of the other two, no thread collects the calling one's lists */
void sll_fork_parent(void);
void sll_fork_child(void);

#endif
