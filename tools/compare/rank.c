#include "rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* Twice the rank of a value among `all`: equal values share the mean of their ranks, which may be a half. */
static size_t double_rank(double value, const double *all, size_t count) {
  size_t smaller = 0, equal = 0;
  for (size_t i = 0; i < count; i++) {
    smaller += all[i] < value;
    equal += all[i] == value;
  }
  return 2 * smaller + equal + 1;
}

double rank_sum_p(const double *a, size_t a_count, const double *b, size_t b_count) {
  const size_t count = a_count + b_count, most = 2 * count * (count + 1);
  if (a_count == 0 || b_count == 0 || count > RANK_MOST) return NAN;
  double all[RANK_MOST];
  size_t ranks[RANK_MOST], seen = 0;
  memcpy(all, a, a_count * sizeof(*a));
  memcpy(all + a_count, b, b_count * sizeof(*b));
  for (size_t i = 0; i < count; i++) ranks[i] = double_rank(all[i], all, count);
  for (size_t i = 0; i < a_count; i++) seen += ranks[i];
  /* ways[k * most + s]: the number of ways in which k of the ranks so far have the sum s. */
  double *const ways = must_allocate((a_count + 1) * most * sizeof(*ways));
  ways[0] = 1;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = a_count; k-- > 0;) {
      for (size_t s = 0; s + ranks[i] < most; s++) ways[(k + 1) * most + s + ranks[i]] += ways[k * most + s];
    }
  }
  const double expected = (double)(a_count * (count + 1)); /* of the doubled ranks */
  double whole = 0, extreme = 0;
  for (size_t s = 0; s < most; s++) {
    const double w = ways[a_count * most + s];
    whole += w;
    if (fabs((double)s - expected) >= fabs((double)seen - expected)) extreme += w;
  }
  free(ways);
  return extreme / whole;
}
