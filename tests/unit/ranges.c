/* Sets of ranges: joined, cut, split, found, against a plain map of bytes. */
#include "memory/sets/ranges.h"
#include "seed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ranges set;

static void check(const char *expected) {
  char text[256] = "";
  for (uint32_t i = 0; i < set.count; i++) {
    sprintf(text + strlen(text), "%s%zu-%zu", i > 0 ? " " : "", (size_t)set.range[i].start, (size_t)set.range[i].end);
  }
  cr_assert_str_eq(text, expected);
  cr_assert(ranges_are_valid(&set));
}

Test(ranges, neighbours_are_joined) {
  ranges_add(&set, 10, 20);
  ranges_add(&set, 30, 40);
  check("10-20 30-40");
  ranges_add(&set, 40, 45);
  ranges_add(&set, 5, 10);
  check("5-20 30-45");
  ranges_add(&set, 20, 30);
  check("5-45");
}

Test(ranges, cuts_shorten_split_and_remove) {
  ranges_add(&set, 10, 50);
  ranges_cut(&set, 0, 5);
  ranges_cut(&set, 20, 25);
  check("10-20 25-50");
  ranges_cut(&set, 5, 12);
  ranges_cut(&set, 45, 60);
  check("12-20 25-45");
  ranges_cut(&set, 18, 26);
  check("12-18 26-45");
  ranges_cut(&set, 0, 100);
  check("");
}

Test(ranges, next_is_the_first_that_ends_behind) {
  uintptr_t start, end;
  ranges_add(&set, 10, 20);
  ranges_add(&set, 30, 40);
  cr_assert(ranges_next(&set, 0, &start, &end) && start == 10 && end == 20);
  cr_assert(ranges_next(&set, 19, &start, &end) && start == 10);
  cr_assert(ranges_next(&set, 20, &start, &end) && start == 30);
  cr_assert(!ranges_next(&set, 40, &start, &end));
}

Test(ranges, against_a_map) {
  static bool map[2000];
  srand(test_seed(0));
  for (unsigned n = 0; n < 20000; n++) {
    const uintptr_t start = (uintptr_t)rand() % 1990, end = start + 1 + (uintptr_t)rand() % 9;
    bool empty = true;
    for (uintptr_t i = start; i < end; i++) empty = empty && !map[i];
    if (empty) ranges_add(&set, start, end);
    else ranges_cut(&set, start, end);
    for (uintptr_t i = start; i < end; i++) map[i] = empty;
    cr_assert(ranges_are_valid(&set));
  }
  uintptr_t start, end;
  for (uintptr_t i = 0; i < 2000; i++) cr_assert_eq(map[i], ranges_next(&set, i, &start, &end) && start <= i);
}

Test(ranges, what_has_no_place_is_missing) {
  for (uintptr_t i = 0; i < RANGES_MAX; i++) ranges_add(&set, 2 * i, 2 * i + 1);
  cr_assert(!set.full && set.count == RANGES_MAX);
  ranges_add(&set, 3 * RANGES_MAX, 3 * RANGES_MAX + 1);
  cr_assert(set.full && ranges_are_valid(&set));
}
