/*
 * rank.h: whether two sets of measurements differ by more than chance.
 */
#ifndef HAKMEM_TOOLS_RANK_H
#define HAKMEM_TOOLS_RANK_H

#include <stddef.h>

/*
 * The two-sided p of the rank-sum test of Wilcoxon, Mann and Whitney. If both sets come from one distribution, p is the probability of a difference
 * of the rank sums that is at least as large. Exact, with ties: it counts all ways to part the joint ranks into sets of these sizes (H. B. Mann, D.
 * R. Whitney, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other", 1947). NAN if a set is empty, or if both
 * together have more than RANK_MOST values.
 */
#define RANK_MOST 64
double rank_sum_p(const double *a, size_t a_count, const double *b, size_t b_count);

#endif
