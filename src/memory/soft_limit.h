/*
 * soft_limit.h: HAKMEM_SOFT_LIMIT. If hakmem holds more memory than this, free memory is released at once.
 *
 *   held        resident bytes by hakmem's own books: an upper bound, because pages that were never touched count, too
 *   resident    the smaller one of `held` and the resident set that the kernel reports. It is read only if `held` is above the limit
 *   above       `resident` was above the limit when a thread last looked
 *
 * Threads look when they leave their slow paths. So a process that makes no calls stays as it is.
 */
#ifndef HAKMEM_SOFT_LIMIT_H
#define HAKMEM_SOFT_LIMIT_H

#include "platform/base.h"
#include "platform/config.h"

#define SOFT_LIMIT_FIRST_MS 4u /* between two releases; each one that released little doubles it, */
#define SOFT_LIMIT_LAST_MS 64u /* up to this */

extern uint64_t soft_limit;    /* bytes, 0: none; atomic */
extern bool soft_limit_passed; /* atomic */

static inline uint64_t soft_limit_bytes(void) { return __atomic_load_n(&soft_limit, __ATOMIC_RELAXED); }
/* Not without a limit: a thread that was looking when it was switched off may write soft_limit_passed afterwards. */
static inline bool soft_limit_is_above(void) { return __atomic_load_n(&soft_limit_passed, __ATOMIC_RELAXED) && soft_limit_bytes() != 0; }

/* HAKMEM_RELEASE_DELAY; 0 while more than the limit is resident. */
static inline uint32_t soft_limit_delay_ms(void) { return soft_limit_is_above() ? 0 : config.release_delay; }

/* Sets the limit. BYTES_AUTO: memory.high of the process's cgroup as it is now, none if there is no such limit. */
void soft_limit_set(uint64_t bytes);

/*
 * The lowest memory.high of a process's cgroup and of those above it, up to the mount; 0: none can be read, or all are "max". `membership` is its
 * /proc/PID/cgroup, `mounts` its /proc/PID/mountinfo. Called by one thread at a time.
 */
uint64_t soft_limit_of_cgroup(const char *membership, const char *mounts);

/* What the floors above know: how much is held, and how to release all free memory. `release` returns the bytes that the kernel got. */
struct soft_limit_hooks {
  uint64_t (*held)(void);
  size_t (*release)(void *context);
};

/* Releases free memory if more than the limit is resident, and it is time to try. Raises the event soft_limit. No lock is held. */
void soft_limit_keep(const struct soft_limit_hooks *hooks, void *context);

/* The thread that was releasing may not exist in the child. */
void soft_limit_fork_child(void);

#endif
