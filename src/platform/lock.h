/*
 * lock.h: locks on futexes. They call nothing that another library may replace, know their holder, and work across a fork.
 *
 *   word:  0 free; else the holder's mark, with LOCK_WAITED if a thread may sleep on it
 *   depth: how many forks in progress found the lock held by their own thread, and will leave it held
 *
 * A lock of zeros is free. A thread that holds one lock takes no other. Only a fork takes more than one: all of them (locks_take_all).
 */
#ifndef HAKMEM_LOCK_H
#define HAKMEM_LOCK_H

#include "base.h"

#define LOCK_WAITED 1u
#define LOCK_HELD 2u

struct lock {
  uint32_t word; /* atomic */
  uint32_t depth;
};

/* Each thread has its own; see lock_mark. */
extern __thread char lock_place __attribute__((tls_model("initial-exec")));

/*
 * Tells threads apart for locks: the address of a thread-local variable, in steps of 128 bytes. Unlike a thread's number, it is the same in a forked
 * child. Two threads whose addresses differ by a multiple of 128 GiB have the same mark. Then a fork in a signal handler may take the other thread's lock
 * for its own.
 */
ALWAYS_INLINE uint32_t lock_mark(void) { return (uint32_t)((uintptr_t)&lock_place >> 7) << 2 | LOCK_HELD; }

/* How long this thread has slept until a lock was released, in ns. */
extern __thread uint64_t lock_slept_ns __attribute__((tls_model("initial-exec")));

/* Takes the lock if it is free. */
ALWAYS_INLINE bool lock_try(struct lock *lock) {
  uint32_t free = 0;
  return __atomic_compare_exchange_n(&lock->word, &free, lock_mark(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The slow halves of lock_take and lock_release. */
void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

ALWAYS_INLINE void lock_take(struct lock *lock) {
  if (UNLIKELY(!lock_try(lock))) lock_wait(lock);
}

ALWAYS_INLINE void lock_release(struct lock *lock) {
  if (UNLIKELY((__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & LOCK_WAITED) != 0)) lock_wake(lock);
}

/* Takes the lock, waiting at most `ms` milliseconds. False if other threads held it that long. */
bool lock_take_within(struct lock *lock, uint32_t ms);

/* ---- Forks. ---- */

/* Whether the calling thread holds it. */
static inline bool lock_is_held(const struct lock *lock) { return (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) & ~LOCK_WAITED) == lock_mark(); }

/* In a forked child: frees a lock that the fork did not take, unless the calling thread holds it. */
static inline void lock_reset(struct lock *lock) {
  if (!lock_is_held(lock)) lock->word = 0;
}

/* `count` locks, one every `stride` bytes. */
struct lock_row {
  struct lock *first;
  size_t stride;
  uint32_t count;
};
#define LOCK_ROW(lock) \
  { &(lock), 0, 1 }

/*
 * For a fork: takes every lock of the rows; the parent and the child each release them. A lock that the calling thread holds already stays held: the fork
 * runs in a signal handler that interrupted its holder. If another thread holds a lock for long, the result is false, and no lock is taken. That thread
 * may itself fork in such a handler, and wait for a lock that the caller holds.
 */
bool locks_take_all(const struct lock_row *const *rows, size_t count);
/* Whether the calling thread holds one of the locks. */
bool locks_any_held(const struct lock_row *const *rows, size_t count);
void locks_release_all(const struct lock_row *const *rows, size_t count);

#endif
