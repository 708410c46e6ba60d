#include "clock.h"

#include <stdbool.h>

#define SETTLED_NS 50000000u /* after this time the rate is final, */
#define SETTLED_ERROR 20000u /* if its error is at most one part in this number */
#define COST_READINGS 32
#define FIRST_READINGS 8

static uint64_t first_ticks, first_ns, cost;
static uint64_t first_error; /* ticks: the most that first_ticks and first_ns may lie apart */
uint64_t clock_settled_rate, clock_settled_scale;

void clock_start(void) {
  if (first_ns != 0) return;
  uint64_t least = UINT64_MAX; /* set below at once: another thread may be timing already */
  for (int i = 0; i < COST_READINGS; i++) {
    const uint64_t a = clock_ticks_fenced(), b = clock_ticks_fenced();
    if (b - a < least) least = b - a;
  }
  cost = least;
  first_error = UINT64_MAX;
  for (int i = 0; i < FIRST_READINGS; i++) { /* a preempted reading would falsify every later rate */
    const uint64_t ticks = clock_ticks(), ns = clock_ns(CLOCK_MONOTONIC), error = clock_ticks() - ticks;
    if (error >= first_error) continue;
    first_ticks = ticks;
    first_ns = ns;
    first_error = error;
  }
}

uint64_t clock_cost_ticks(void) { return cost; }

uint64_t clock_measure_rate(void) {
  const uint64_t before = clock_ticks(), ns = clock_ns(CLOCK_MONOTONIC) - first_ns, after = clock_ticks(), ticks = before - first_ticks;
  if (first_ns == 0 || ns == 0) return 1000000000u; /* nothing was timed yet */
  const uint64_t rate = (uint64_t)((double)ticks * 1e9 / (double)ns);
  /* The thread may have been preempted between the readings of the two clocks. */
  if (ns >= SETTLED_NS && (after - before + first_error) < ticks / SETTLED_ERROR) {
    __atomic_store_n(&clock_settled_scale, clock_scale(rate), __ATOMIC_RELAXED);
    __atomic_store_n(&clock_settled_rate, rate, __ATOMIC_RELAXED);
  }
  return rate;
}
