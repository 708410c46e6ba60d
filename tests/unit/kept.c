/* Kept ranges, against a map of units that says which of them are kept. */
#include "memory/sets/kept.h"

#include <criterion/criterion.h>

#define UNITS 2048

static uint64_t random_state = 1;

static uint32_t below(uint32_t limit) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % limit;
}

static char *at(uint32_t unit) { return (char *)(UNIT_SIZE * (1024 + (uintptr_t)unit)); }
static uint32_t unit_of(const char *p) { return (uint32_t)((uintptr_t)p / UNIT_SIZE - 1024); }

static bool all(const bool *held, uint32_t first, uint32_t units, bool value) {
  for (uint32_t u = first; u < first + units; u++) {
    if (held[u] != value) return false;
  }
  return true;
}

static void set(bool *held, uint32_t first, uint32_t units, bool value) {
  for (uint32_t u = first; u < first + units; u++) held[u] = value;
}

/* The shortest run that is held and has `units` at a multiple of `align` units; 0 if there is none. */
static uint32_t shortest(const bool *held, uint32_t units, uint32_t align) {
  uint32_t best = 0;
  for (uint32_t u = 0, end; u < UNITS; u = end) {
    end = u + 1;
    if (!held[u]) continue;
    while (end < UNITS && held[end]) end++;
    const uint32_t start = (u + 1024 + align - 1) / align * align - 1024;
    if (start + units <= end && (best == 0 || end - u < best)) best = end - u;
  }
  return best;
}

Test(kept, ranges_against_a_map_of_units) {
  static struct kept kept;
  static bool held[UNITS];
  uint32_t full = 0, taken = 0, grown = 0, evicted = 0;
  for (uint64_t step = 1; step < 200000; step++) {
    const uint32_t first = below(UNITS), units = 1 + below(step % 3000 < 1500 ? 2 : 20);
    if (first + units > UNITS) continue;
    const uint32_t action = below(16);
    if (action < 8) {
      if (!all(held, first, units, false)) continue;
      if (kept_add(&kept, at(first), units * UNIT_SIZE, step, (uint32_t)step % 3)) set(held, first, units, true);
      else full++;
    } else if (action < 12) {
      const uint32_t align = 1u << below(4), run = shortest(held, units, align);
      char *base = kept_take(&kept, units * UNIT_SIZE, (units + below(3)) * UNIT_SIZE, align * UNIT_SIZE, (uint32_t)step % 3);
      if (base == NULL) {
        cr_assert(run == 0 || kept.count == KEPT_RANGES);
        continue;
      }
      cr_assert_eq((uintptr_t)base % (align * UNIT_SIZE), 0);
      cr_assert(all(held, unit_of(base), units, true));
      set(held, unit_of(base), units, false);
      cr_assert(run != 0);
      taken++;
    } else if (action < 15) {
      const bool there = all(held, first, units, true);
      if (kept_take_at(&kept, at(first), units * UNIT_SIZE)) {
        cr_assert(there);
        set(held, first, units, false);
        grown++;
      } else {
        cr_assert(!there || kept.count == KEPT_RANGES);
      }
    } else {
      struct kept_range range;
      const uint64_t before = step - 100 < step ? step - 100 : 0;
      const size_t most = 1 + below(30 * UNIT_SIZE);
      if (!kept_evict(&kept, before, most, &range)) continue;
      cr_assert_leq(range.since_ms, before);
      cr_assert_lt(range.size, most + UNIT_SIZE);
      const uint32_t count = (uint32_t)(range.size / UNIT_SIZE);
      cr_assert(all(held, unit_of(range.base), count, true));
      set(held, unit_of(range.base), count, false);
      evicted++;
    }
    cr_assert(kept_is_valid(&kept));
  }
  cr_assert(full > 0 && taken > 0 && grown > 0 && evicted > 0, "%u %u %u %u", full, taken, grown, evicted);
  size_t bytes = 0;
  for (uint32_t u = 0; u < UNITS; u++) bytes += held[u] ? UNIT_SIZE : 0;
  cr_assert_eq(kept.bytes, bytes);
}

static char *take(struct kept *kept, uint32_t units, uint32_t room, uint32_t thread) {
  return kept_take(kept, units * UNIT_SIZE, room * UNIT_SIZE, UNIT_SIZE, thread);
}

Test(kept, the_smallest_range_that_fits_is_taken) {
  struct kept kept = {0};
  kept_add(&kept, at(0), 10 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(20), 4 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(40), 6 * UNIT_SIZE, 1, 1);
  cr_assert_eq(take(&kept, 4, 4, 1), at(20));
  cr_assert_eq(take(&kept, 4, 4, 1), at(40));
  cr_assert_eq(take(&kept, 4, 4, 1), at(0));
  cr_assert_null(take(&kept, 7, 7, 1));
}

Test(kept, what_grows_gets_the_smallest_range_with_room_or_the_largest) {
  struct kept kept = {0};
  kept_add(&kept, at(0), 4 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(20), 10 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(40), 6 * UNIT_SIZE, 1, 1);
  cr_assert_eq(take(&kept, 4, 6, 1), at(40));
  cr_assert(kept_take_at(&kept, at(44), 2 * UNIT_SIZE), "what it grows into is free");
  cr_assert_eq(take(&kept, 4, 20, 1), at(20));
  cr_assert_eq(kept.bytes, 10 * UNIT_SIZE);
}

Test(kept, room_counts_from_the_first_aligned_byte) {
  struct kept kept = {0};
  kept_add(&kept, at(1), 10 * UNIT_SIZE, 1, 1); /* 1024 + 1: 7 units from the next multiple of 4 */
  kept_add(&kept, at(20), 11 * UNIT_SIZE, 1, 1);
  cr_assert_eq(kept_take(&kept, 4 * UNIT_SIZE, 8 * UNIT_SIZE, 4 * UNIT_SIZE, 1), at(20));
}

Test(kept, what_the_thread_freed_itself_is_taken_first) {
  struct kept kept = {0};
  kept_add(&kept, at(0), 4 * UNIT_SIZE, 1, 2);
  kept_add(&kept, at(20), 9 * UNIT_SIZE, 1, 1);
  cr_assert_eq(take(&kept, 4, 4, 1), at(20));
  cr_assert_eq(take(&kept, 4, 6, 1), at(24), "and before another's that has more room");
  cr_assert_eq(take(&kept, 4, 4, 1), at(0), "another thread's before none");
}

Test(kept, what_lies_longest_goes_first) {
  struct kept kept = {0};
  struct kept_range range;
  kept_add(&kept, at(0), UNIT_SIZE, 30, 1);
  kept_add(&kept, at(5), UNIT_SIZE, 10, 1);
  kept_add(&kept, at(9), UNIT_SIZE, 20, 1);
  cr_assert_not(kept_evict(&kept, 9, SIZE_MAX, &range));
  cr_assert(kept_evict(&kept, 25, SIZE_MAX, &range) && range.base == at(5));
  cr_assert(kept_evict(&kept, 25, SIZE_MAX, &range) && range.base == at(9));
  cr_assert_not(kept_evict(&kept, 25, SIZE_MAX, &range));
}

Test(kept, of_a_large_range_no_more_goes_than_was_asked_for) {
  struct kept kept = {0};
  struct kept_range range;
  kept_add(&kept, at(0), 10 * UNIT_SIZE, 1, 1);
  cr_assert(kept_evict(&kept, 5, 2 * UNIT_SIZE + 1, &range) && range.base == at(7) && range.size == 3 * UNIT_SIZE);
  cr_assert_eq(kept.bytes, 7 * UNIT_SIZE);
  cr_assert(kept_evict(&kept, 5, 7 * UNIT_SIZE, &range) && range.base == at(0) && kept.count == 0);
}

Test(kept, the_longest_range_that_is_too_short_goes_whole) {
  struct kept kept = {0};
  struct kept_range range;
  cr_assert_not(kept_take_shorter(&kept, 100 * UNIT_SIZE, 1, &range));
  kept_add(&kept, at(0), 3 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(20), 5 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(40), 6 * UNIT_SIZE, 1, 1);
  kept_add(&kept, at(60), 5 * UNIT_SIZE, 1, 2);
  cr_assert(kept_take_shorter(&kept, 6 * UNIT_SIZE, 1, &range) && range.base == at(20) && range.size == 5 * UNIT_SIZE);
  cr_assert(kept_take_shorter(&kept, 6 * UNIT_SIZE, 1, &range) && range.base == at(0) && range.size == 3 * UNIT_SIZE);
  cr_assert_not(kept_take_shorter(&kept, 6 * UNIT_SIZE, 1, &range), "the others are too long, or of another thread");
  cr_assert(kept.count == 2 && kept.bytes == 11 * UNIT_SIZE);
}
