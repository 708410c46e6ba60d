/*
 * clock.h: ticks <-> nanoseconds, and the clock's own cost.
 *
 * Ticks are the processor's time-stamp counter where there is one that runs evenly (x86-64 with constant_tsc, aarch64),
 * else nanoseconds. The counter is fenced on both sides, so that what is timed lies between two readings.
 */
#ifndef HAKMEM_CLOCK_H
#define HAKMEM_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t clock_ticks(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(value) : : "memory");
  return value;
#else
  return clock_ns(CLOCK_MONOTONIC);
#endif
}

/* Takes the first reading of both clocks and measures what one costs; microseconds of work, the first time. */
void clock_start(void);

/*
 * Ticks per second: from the two clocks' progress since clock_start, so it gets better with time (better than 1 % after 100
 * microseconds). Signal safe.
 */
uint64_t clock_ticks_per_second(void);

/* Ticks that two readings lie apart with nothing between them. */
uint64_t clock_cost_ticks(void);

uint64_t clock_to_ns(uint64_t ticks);

/* The same with the clock's own cost taken off, not below 0: for what lay between two readings. */
uint64_t clock_span_ns(uint64_t ticks);

#endif
