/* The statistics of the benchmarks, against values worked out by hand or found in tables of the binomial distribution. */
#include <criterion/criterion.h>
#include <math.h>

#include "tools/compare/statistics.h"

#define NEAR(expected, value) cr_assert_float_eq(value, expected, 1e-9, "%g, not %g", (double)(value), (double)(expected))

Test(statistics, summary) {
  const double values[] = {2, 4, NAN, 4, 4, 5, 5, 7, 9};
  const struct summary s = statistics_summary(values, 9);
  cr_assert_eq(s.count, 8);
  NEAR(5, s.mean);
  NEAR(4.5, s.median);
  NEAR(sqrt(32.0 / 7), s.deviation);
}

Test(statistics, summary_of_one_and_of_none) {
  const double values[] = {NAN, 3};
  NEAR(3, statistics_summary(values, 2).median);
  NEAR(0, statistics_summary(values, 2).deviation);
  cr_assert_eq(statistics_summary(values, 1).count, 0);
  cr_assert(isnan(statistics_summary(values, 1).mean));
  cr_assert(isnan(statistics_summary(NULL, 0).median));
}

/* The k of the sign test's interval, and 1 - 2 P(Binomial(n, 1/2) < k). */
Test(statistics, interval) {
  static const struct {
    size_t n, k;
    double confidence;
  } known[] = {{1, 1, 0},         {2, 1, 0.5},         {5, 1, 0.9375},         {6, 1, 0.96875},     {8, 1, 0.9921875},
               {9, 2, 0.9609375}, {11, 2, 0.98828125}, {12, 3, 0.96142578125}, {15, 4, 0.96484375}, {20, 6, 0.958610534667968}};
  double values[20];
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
    const size_t n = known[i].n;
    for (size_t j = 0; j < n; j++) values[j * 7 % n] = (double)(j + 1); /* in no order; no n is a multiple of 7 */
    const struct interval r = statistics_interval(values, n);
    cr_assert_eq(r.count, n);
    NEAR((double)(n + 1) / 2, r.median);
    NEAR((double)known[i].k, r.low);
    NEAR((double)(n + 1 - known[i].k), r.high);
    NEAR(known[i].confidence, r.confidence);
    NEAR(known[i].confidence, statistics_confidence(n));
  }
}

Test(statistics, one_wild_value_moves_nothing) {
  const double calm[] = {1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08};
  const double wild[] = {1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 900};
  NEAR(statistics_interval(calm, 9).high, statistics_interval(wild, 9).high);
  NEAR(statistics_interval(calm, 9).median, statistics_interval(wild, 9).median);
}

Test(statistics, interval_of_none) {
  const double values[] = {NAN, NAN};
  const struct interval r = statistics_interval(values, 2);
  cr_assert_eq(r.count, 0);
  cr_assert(isnan(r.median) && isnan(r.low) && isnan(r.high));
  NEAR(0, r.confidence);
}

Test(statistics, geometric_mean) {
  const double values[] = {1, NAN, 4, 16};
  NEAR(4, statistics_geometric_mean(values, 4));
  cr_assert(isnan(statistics_geometric_mean(values + 1, 1)));
}
