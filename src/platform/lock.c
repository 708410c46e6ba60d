#include "lock.h"

#include <errno.h>
#include <linux/futex.h>

#include "syscall.h"

#define SPINS 40        /* before a thread sleeps: a lock is held for less than a microsecond, unless its holder sleeps */
#define FORK_WAIT_MS 20 /* for one lock, while the fork holds others */

__thread char lock_place;
__thread uint64_t lock_slept_ns;

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint64_t now_ns(void) {
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool sleep_until(struct lock *lock, const struct timespec *until) {
  for (;;) {
    uint32_t seen = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
    const uint32_t next = seen == 0 ? lock_mark() | LOCK_WAITED : seen | LOCK_WAITED; /* other threads may still sleep */
    if (seen != next && !__atomic_compare_exchange_n(&lock->word, &seen, next, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) continue;
    if (seen == 0) return true;
    if (sys_futex(&lock->word, FUTEX_WAIT_BITSET_PRIVATE, next, until, FUTEX_BITSET_MATCH_ANY) == -ETIMEDOUT) return false;
  }
}

/* Waits for the lock until `until` on the monotonic clock, or for ever if `until` is NULL. */
static bool take_until(struct lock *lock, const struct timespec *until) {
  for (unsigned i = 0; i < SPINS; i++) {
    if (__atomic_load_n(&lock->word, __ATOMIC_RELAXED) == 0 && lock_try(lock)) return true;
    pause_briefly();
  }
  const uint64_t before_ns = now_ns();
  const bool taken = sleep_until(lock, until);
  lock_slept_ns += now_ns() - before_ns;
  return taken;
}

NOINLINE void lock_wait(struct lock *lock) { take_until(lock, NULL); }
NOINLINE void lock_wake(struct lock *lock) { sys_futex(&lock->word, FUTEX_WAKE_PRIVATE, 1, NULL, 0); }

bool lock_take_within(struct lock *lock, uint32_t ms) {
  if (lock_try(lock)) return true;
  struct timespec until;
  sys_clock(CLOCK_MONOTONIC, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += (long)(ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  return take_until(lock, &until);
}

/* ---- Forks. ---- */

static struct lock *lock_at(const struct lock_row *row, uint32_t i) { return (struct lock *)((char *)row->first + i * row->stride); }

static bool take_for_fork(struct lock *lock) {
  if (!lock_is_held(lock)) return lock_take_within(lock, FORK_WAIT_MS);
  lock->depth++;
  return true;
}

static void release_for_fork(struct lock *lock) {
  if (lock->depth > 0) lock->depth--;
  else lock_release(lock);
}

bool locks_take_all(const struct lock_row *const *rows, size_t count) {
  for (size_t r = 0; r < count; r++) {
    for (uint32_t i = 0; i < rows[r]->count; i++) {
      if (take_for_fork(lock_at(rows[r], i))) continue;
      while (i-- > 0) release_for_fork(lock_at(rows[r], i));
      locks_release_all(rows, r);
      return false;
    }
  }
  return true;
}

bool locks_any_held(const struct lock_row *const *rows, size_t count) {
  for (size_t r = 0; r < count; r++) {
    for (uint32_t i = 0; i < rows[r]->count; i++) {
      if (lock_is_held(lock_at(rows[r], i))) return true;
    }
  }
  return false;
}

void locks_release_all(const struct lock_row *const *rows, size_t count) {
  for (size_t r = count; r-- > 0;) {
    for (uint32_t i = rows[r]->count; i-- > 0;) release_for_fork(lock_at(rows[r], i));
  }
}
