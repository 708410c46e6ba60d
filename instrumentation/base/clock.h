/*
 * clock.h: ticks <-> nanoseconds, and the clock's own cost.
 *
 * Ticks are the processor's time-stamp counter if that runs evenly (x86-64 with constant_tsc, aarch64), else nanoseconds.
 */
#ifndef HAKMEM_CLOCK_H
#define HAKMEM_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "src/platform/syscall.h"

static inline uint64_t clock_ns(clockid_t id) {
  struct timespec t;
  sys_clock(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Not fenced: instructions in flight may execute before or after it. For spans much longer than a few instructions. */
static inline uint64_t clock_ticks(void) { return sys_ticks(); }

/* Fenced on both sides, so that the timed instructions execute between two readings. */
static inline uint64_t clock_ticks_fenced(void) {
#if defined(__x86_64__)
  __asm__ volatile("lfence" : : : "memory");
  const uint64_t ticks = clock_ticks();
  __asm__ volatile("lfence" : : : "memory");
#elif defined(__aarch64__)
  __asm__ volatile("isb" : : : "memory");
  const uint64_t ticks = clock_ticks();
  __asm__ volatile("isb" : : : "memory");
#else
  const uint64_t ticks = clock_ticks();
#endif
  return ticks;
}

/* Takes the first reading of both clocks and measures the cost of one. The first call takes microseconds. */
void clock_start(void);

/*
 * Ticks per second, from the progress of both clocks since clock_start. Better than 1 % after 100 microseconds; final once it is exact enough.
 * Signal safe.
 */
extern uint64_t clock_settled_rate __attribute__((visibility("hidden"))); /* atomic; 0 until it is final */
uint64_t clock_measure_rate(void);
static inline uint64_t clock_ticks_per_second(void) {
  const uint64_t known = __atomic_load_n(&clock_settled_rate, __ATOMIC_RELAXED);
  return known != 0 ? known : clock_measure_rate();
}

/* Ticks between two fenced readings with nothing between them. */
uint64_t clock_cost_ticks(void);

/* Of the settled rate: ns per tick, times 2^32; 0 until it is final. So a conversion is a multiplication and a shift. */
extern uint64_t clock_settled_scale __attribute__((visibility("hidden"))); /* atomic */
static inline uint64_t clock_scale(uint64_t rate) { return (uint64_t)(1e9 * 4294967296.0 / (double)rate + 0.5); }
static inline uint64_t clock_to_ns(uint64_t ticks) {
  uint64_t scale = __atomic_load_n(&clock_settled_scale, __ATOMIC_RELAXED);
  if (__builtin_expect(scale == 0, 0)) scale = clock_scale(clock_measure_rate());
  return (uint64_t)((unsigned __int128)ticks * scale >> 32);
}

#endif
