/*
 * statistics.h: statistics of repeated measurements. A missing value is NAN, and is left out.
 */
#ifndef HAKMEM_TOOLS_STATISTICS_H
#define HAKMEM_TOOLS_STATISTICS_H

#include <stddef.h>

struct summary {
  size_t count;
  double mean, median, deviation;
}; /* all NAN if count is 0; deviation: of the sample */

struct summary statistics_summary(const double *values, size_t count);

/*
 * The median, and an interval for the median of the distribution, from the order of the values alone. It lies between the k-th smallest and the
 * k-th largest of n with probability 1 - 2 P(Binomial(n, 1/2) < k), whatever the distribution. A single disturbed run moves nothing. k is the
 * largest that gives 95 %. With fewer than 6 values no k does, and the interval is from the smallest to the largest. `confidence` is the
 * probability that was reached.
 */
struct interval {
  size_t count;
  double median, low, high, confidence;
};
#define STATISTICS_CONFIDENCE 0.95

struct interval statistics_interval(const double *values, size_t count);

/* The confidence of an interval from `count` values. */
double statistics_confidence(size_t count);

/* NAN of nothing. */
double statistics_geometric_mean(const double *values, size_t count);

#endif
