#include "wait.h"

#include <time.h>

#define STEP_MS 100u /* between two looks */

uint64_t wait_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void wait_until(uint64_t next_ms, const volatile sig_atomic_t *interrupted) {
  while (!*interrupted) {
    const uint64_t at_ms = wait_now_ms(), left_ms = next_ms > at_ms ? next_ms - at_ms : 0;
    if (left_ms == 0) return;
    nanosleep(&(struct timespec){.tv_nsec = (long)(left_ms < STEP_MS ? left_ms : STEP_MS) * 1000000}, NULL);
  }
}
