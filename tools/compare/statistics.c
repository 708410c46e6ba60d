#include "statistics.h"

#include <math.h>
#include <stdlib.h>

#include "common/memory.h"

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The values that are not NAN, in order; the caller frees them. */
static double *sorted(const double *values, size_t count, size_t *there) {
  double *const copy = must_allocate((count + 1) * sizeof(*copy));
  *there = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isnan(values[i])) copy[(*there)++] = values[i];
  }
  qsort(copy, *there, sizeof(*copy), compare);
  return copy;
}

static double middle(const double *ordered, size_t n) { return n % 2 == 1 ? ordered[n / 2] : (ordered[n / 2 - 1] + ordered[n / 2]) / 2; }

struct summary statistics_summary(const double *values, size_t count) {
  struct summary s = {0, NAN, NAN, NAN};
  double *const ordered = sorted(values, count, &s.count);
  if (s.count > 0) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < s.count; i++) sum += ordered[i];
    s.mean = sum / (double)s.count;
    for (size_t i = 0; i < s.count; i++) squares += (ordered[i] - s.mean) * (ordered[i] - s.mean);
    s.deviation = s.count > 1 ? sqrt(squares / (double)(s.count - 1)) : 0;
    s.median = middle(ordered, s.count);
  }
  free(ordered);
  return s;
}

/* The k of the interval of n values, and its confidence. */
static size_t order_of(size_t n, double *confidence) {
  double term = exp2(-(double)n), below = term; /* P(Binomial = 0), P(Binomial < 1) */
  size_t k = 1;
  while (2 * (k + 1) <= n) {
    term *= (double)(n - k + 1) / (double)k;
    if (1 - 2 * (below + term) < STATISTICS_CONFIDENCE) break;
    below += term;
    k++;
  }
  *confidence = n > 0 ? 1 - 2 * below : 0;
  return k;
}

struct interval statistics_interval(const double *values, size_t count) {
  struct interval r = {0, NAN, NAN, NAN, 0};
  double *const ordered = sorted(values, count, &r.count);
  if (r.count > 0) {
    const size_t k = order_of(r.count, &r.confidence);
    r.median = middle(ordered, r.count);
    r.low = ordered[k - 1];
    r.high = ordered[r.count - k];
  }
  free(ordered);
  return r;
}

double statistics_confidence(size_t count) {
  double confidence;
  order_of(count, &confidence);
  return confidence;
}

double statistics_geometric_mean(const double *values, size_t count) {
  double sum = 0;
  size_t there = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(values[i])) continue;
    sum += log(values[i]);
    there++;
  }
  return there > 0 ? exp(sum / (double)there) : NAN;
}
