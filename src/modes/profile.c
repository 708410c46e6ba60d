#include "profile.h"

#include "platform/random.h"

/* Read once for each decision: it may change while the program runs. */
static uint32_t rate(void) { return __atomic_load_n(&config.profile, __ATOMIC_RELAXED); }

/*
 * The next sampled byte lies an exponentially distributed number of bytes ahead, with the mean BYTES. The result is how many whole blocks fit before
 * it: a geometrically distributed number.
 */
uint32_t profile_gap(uint64_t *random, size_t bytes) {
  const uint32_t every = rate();
  if (every <= 1) return 0;
  const double gap = (double)random_exponential(random) * (double)every / ((double)(UINT64_C(1) << 32) * (double)bytes);
  return gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
}

bool profile_takes(uint64_t *random, size_t bytes) {
  const uint32_t every = rate();
  return every == 1 || (every != 0 && (unsigned __int128)random_exponential(random) * every >> 32 < bytes);
}

double profile_weight(size_t bytes) {
  const uint32_t every = rate();
  if (bytes == 0 || every <= 1) return 1;
  double x = (double)bytes / every;
  if (x > 40) return 1;
  /* q(x) = 1 - exp(-x) by its series for a small x, then q(2x) = q(x) (2 - q(x)). The C library has no exp without libm. */
  unsigned doublings = 0;
  for (; x > 1e-3; x /= 2) doublings++;
  double chance = x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
  while (doublings-- > 0) chance *= 2 - chance;
  return 1 / chance;
}
