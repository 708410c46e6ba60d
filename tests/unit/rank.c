#include <criterion/criterion.h>
#include <math.h>

#include "compare/rank.h"

static void expect(double is, double should) { cr_assert(fabs(is - should) < 1e-9, "%.12f instead of %.12f", is, should); }

/* Sets that do not overlap: 2 of the ways to choose 4 of 8 are as extreme. */
Test(rank, sets_apart_have_the_least_p) {
  expect(rank_sum_p((double[]){1, 2, 3, 4}, 4, (double[]){5, 6, 7, 8}, 4), 2.0 / 70);
  expect(rank_sum_p((double[]){5, 6, 7, 8}, 4, (double[]){1, 2, 3, 4}, 4), 2.0 / 70);
  expect(rank_sum_p((double[]){1, 2, 3}, 3, (double[]){4, 5, 6}, 3), 2.0 / 20);
  expect(rank_sum_p((double[]){1}, 1, (double[]){2}, 1), 1);
}

/* The ranks of {1, 2, 4} sum up to 7: of 20 ways, 6, 7, 14 and 15 are as far from 10.5 or farther, one way each. */
Test(rank, overlap) { expect(rank_sum_p((double[]){1, 2, 4}, 3, (double[]){3, 5, 6}, 3), 4.0 / 20); }

Test(rank, ties_share_their_ranks) {
  expect(rank_sum_p((double[]){3, 3, 3}, 3, (double[]){3, 3}, 2), 1);
  /* Doubled ranks 3, 3, 6.. of {1, 1} against {2, 2}: 2 of 6 ways. */
  expect(rank_sum_p((double[]){1, 1}, 2, (double[]){2, 2}, 2), 2.0 / 6);
}

Test(rank, impossible) {
  cr_assert(isnan(rank_sum_p(NULL, 0, (double[]){1}, 1)));
  double many[RANK_MOST];
  for (int i = 0; i < RANK_MOST; i++) many[i] = i;
  cr_assert(isnan(rank_sum_p(many, RANK_MOST, many, 1)));
  cr_assert(!isnan(rank_sum_p(many, RANK_MOST / 2, many, RANK_MOST / 2)));
}
