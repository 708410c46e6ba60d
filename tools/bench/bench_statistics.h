/*
 * bench_statistics.h: what the benchmarks make of repeated measurements. A value that is not there is NAN, and left out.
 */
#ifndef HAKMEM_TOOLS_BENCH_STATISTICS_H
#define HAKMEM_TOOLS_BENCH_STATISTICS_H

#include <stddef.h>

struct summary { size_t count; double mean, median, deviation; }; /* all NAN where count is 0; deviation: of the sample */

struct summary statistics_summary(const double *values, size_t count);

/*
 * The median and an interval for the median of what the values are drawn from, from the order of the values alone: it lies
 * between the k-th smallest and the k-th largest of n with probability 1 - 2 P(Binomial(n, 1/2) < k), whatever the
 * distribution; a run that something else disturbed moves nothing. k is the largest that gives 95 %; with fewer than 6 values no k does,
 * and the interval is from the smallest to the largest. `confidence` is the probability that was reached.
 */
struct interval { size_t count; double median, low, high, confidence; };
#define STATISTICS_CONFIDENCE 0.95

struct interval statistics_interval(const double *values, size_t count);

/* The confidence that `count` values give. */
double statistics_confidence(size_t count);

/* NAN of nothing. */
double statistics_geometric_mean(const double *values, size_t count);

#endif
