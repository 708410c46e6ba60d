/* Ticks and nanoseconds: the rate is that of the monotonic clock, and is kept once it is known well enough. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <time.h>

static void wait_ms(long ms) { nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL); }

Test(clock, the_rate_is_that_of_the_monotonic_clock_and_is_kept) {
  clock_start();
  const uint64_t ticks = clock_ticks(), ns = clock_ns(CLOCK_MONOTONIC);
  uint64_t rate = 0;
  for (unsigned tries = 0; tries < 100; tries++) { /* who loses the processor between two readings tries again */
    wait_ms(60);
    rate = clock_ticks_per_second();
    wait_ms(1);
    if (clock_ticks_per_second() == rate) break;
  }
  const double expected = (double)(clock_ticks() - ticks) * 1e9 / (double)(clock_ns(CLOCK_MONOTONIC) - ns);
  cr_assert_eq(clock_ticks_per_second(), rate);
  cr_assert(expected > 0.99 * (double)rate && expected < 1.01 * (double)rate, "%f, not %llu", expected, (unsigned long long)rate);
  cr_assert(clock_to_ns(rate) - 999999999u <= 1);
}
