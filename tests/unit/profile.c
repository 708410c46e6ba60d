/* The sampling of HAKMEM_PROFILE: its chances, its weights, and its estimates against exact counts. */
#include "modes/profile.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "alloc/alloc.h"
#include "checks/records.h"
#include "platform/config.h"
#include "modes/modes.h"

static double weight_expected(double bytes, double rate) { return 1 / (1 - exp(-bytes / rate)); }

Test(profile, weights_are_one_over_the_chance) {
  static const uint32_t rates[] = {2, 100, 4096, 512 * 1024, 1u << 30};
  static const size_t sizes[] = {16, 112, 1024, 36864, 1u << 20, 1u << 28, (size_t)1 << 40};
  for (unsigned r = 0; r < ARRAY_LENGTH(rates); r++) {
    config.profile = rates[r];
    for (unsigned s = 0; s < ARRAY_LENGTH(sizes); s++) {
      const double expected = -1 / expm1(-(double)sizes[s] / rates[r]), got = profile_weight(sizes[s]);
      cr_assert(fabs(got / expected - 1) < 1e-9, "%zu of %u: %.12g instead of %.12g", sizes[s], rates[r], got, expected);
    }
    cr_assert_eq(profile_weight(0), 1);
  }
  config.profile = 1;
  cr_assert_eq(profile_weight(16), 1);
}

Test(profile, gaps_are_geometric) {
  uint64_t random = 7;
  static const uint32_t rates[] = {100, 4096, 512 * 1024};
  static const size_t sizes[] = {16, 1024, 36864};
  for (unsigned r = 0; r < ARRAY_LENGTH(rates); r++) {
    for (unsigned s = 0; s < ARRAY_LENGTH(sizes); s++) {
      config.profile = rates[r];
      enum { DRAWS = 200000 };
      double sum = 0, none = 0, large = 0;
      for (unsigned i = 0; i < DRAWS; i++) {
        const uint32_t gap = profile_gap(&random, sizes[s]);
        sum += gap;
        none += gap == 0;
        large += profile_takes(&random, sizes[s]);
      }
      const double p = 1 / weight_expected((double)sizes[s], rates[r]), mean = (1 - p) / p;
      const double error = 5 * sqrt((1 - p) / (p * p) / (double)DRAWS), share_error = 5 * sqrt(p * (1 - p) / (double)DRAWS) + 1e-9;
      cr_assert(fabs(sum / (double)DRAWS - mean) <= error, "mean %g instead of %g +- %g", sum / (double)DRAWS, mean, error);
      cr_assert(fabs(none / (double)DRAWS - p) <= share_error, "chance %g instead of %g", none / (double)DRAWS, p);
      cr_assert(fabs(large / (double)DRAWS - p) <= share_error, "chance %g instead of %g", large / (double)DRAWS, p);
    }
  }
  config.profile = 1;
  cr_assert(profile_gap(&random, 16) == 0 && profile_takes(&random, 16));
}

/* Estimates from the records of live blocks, by the sizes that the test uses. */
struct estimate {
  double blocks, bytes, variance;
  uint64_t records;
};

static void add(struct record *record, void *context) {
  struct estimate *e = context;
  if (record->freed) return;
  const double weight = record->weight;
  e->records++;
  e->blocks += weight;
  e->bytes += weight * (double)record->requested;
  e->variance += weight * (weight - 1) * (double)record->requested * (double)record->requested;
}

static void check(uint64_t blocks, double bytes) {
  struct estimate e = {0};
  record_each(add, &e);
  cr_assert(fabs(e.bytes - bytes) <= 5 * sqrt(e.variance), "%g bytes instead of %g +- %g", e.bytes, bytes, sqrt(e.variance));
  if (config.profile == 1) cr_assert(e.records == blocks && e.blocks == (double)blocks && e.bytes == bytes);
}

enum { BLOCKS = 60000 };

static uint64_t next(uint64_t *state) { return (*state = *state * 6364136223846793005u + 1442695040888963407u) >> 33; }

/* Blocks of all sizes come and go, grow and shrink; what is live is estimated from what was sampled of it. */
static void come_and_go(uint32_t rate) {
  static void *block[BLOCKS];
  static size_t size[BLOCKS];
  uint64_t state = rate, live = 0;
  double bytes = 0;
  config.profile = rate;
  modes_resolve(false);
  config.stacks = STACKS_OFF;
  for (unsigned i = 0; i < 10 * BLOCKS; i++) {
    const unsigned k = (unsigned)(next(&state) % BLOCKS);
    const size_t new_size = next(&state) % 1000 == 0 ? next(&state) % 3000000 : next(&state) % 1500 + 1;
    if (block[k] != NULL && next(&state) % 4 != 0) {
      free_fast(block[k]);
      bytes -= (double)size[k];
      live--;
      block[k] = NULL;
      continue;
    }
    if (block[k] != NULL) {
      bytes -= (double)size[k];
      live--;
    }
    block[k] = block[k] != NULL ? alloc_resize(block[k], new_size + 1) : alloc_fast(new_size + 1);
    cr_assert_not_null(block[k]);
    size[k] = new_size + 1;
    bytes += (double)size[k];
    live++;
  }
  check(live, bytes);
  for (unsigned k = 0; k < BLOCKS; k++) free_fast(block[k]);
  check(0, 0);
}

Test(profile, every_block_at_a_rate_of_1) { come_and_go(1); }
Test(profile, estimates_at_4_kib) { come_and_go(4096); }
Test(profile, estimates_at_64_kib) { come_and_go(65536); }
