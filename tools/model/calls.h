/*
 * calls.h: the distribution of whole calls, from what a statistics file has of them.
 *
 *   fast allocations of a class = allocs - (calls that were timed exactly) - (blocks that exactly timed reallocs took)        exact, and so for frees
 *   calls of a kind             = those that were timed exactly + its share of the fast ones                                  the share is sampled
 *
 * The histogram of a row has the exactly timed calls as they are, and the sampled ones scaled to the number of fast ones. So the kinds that
 * allocate have together exactly as many calls as blocks were allocated, except for reallocs that left their block in place: these are in no count, and
 * are estimated from the samples.
 *
 * Standard errors. A row has N fast calls and n samples of them, which are taken as independent. Of weighted samples, n is (sum of the weights)^2 / (sum of
 * their squares), as L. Kish, Survey Sampling (1965), has it:
 *
 * The rows of a kind that have no samples of their own share those of all others: their errors add up, not the squares. Calls are sampled a few in a row,
 * which are often of the same kind: for the number of calls of a kind, two samples count as one.
 *
 *   number of calls up to a value:  N sqrt(p (1 - p) / n), p = samples up to it / n; squares add up over rows, and an exact call has none. To them is added,
 *                                   once, the square of N / n of all rows together: of calls that no sample has met, there may be as many as one stands for
 *   a quantile of q:                the values at the ranks q * count -+ that error at the quantile itself (R. S. Woodruff, Confidence Intervals for
 *                                   Medians and Other Position Measures, Journal of the American Statistical Association 47, 1952)
 *   the sum of the times:           N s / sqrt(n), s the standard deviation of the samples; and the error of N times their mean. Of all kinds together
 *                                   it is at most this: their numbers are estimates, but exact together
 */
#ifndef HAKMEM_TOOLS_CALLS_H
#define HAKMEM_TOOLS_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "instrumentation/statistics/stats_block.h"

struct model_calls {
  bool known;                                           /* some process has told its calls */
  uint64_t cpu_ns, elapsed_ns;                          /* of these processes together */
  struct histogram *times[CALL_KIND_COUNT][CLASS_ROWS]; /* NULL: no calls */
  uint64_t timed[CALL_KIND_COUNT][CLASS_ROWS];          /* exactly */
  uint64_t sampled[CALL_KIND_COUNT][CLASS_ROWS];        /* n: samples of the others */
  uint64_t estimated[CALL_KIND_COUNT][CLASS_ROWS];      /* N, */
  uint64_t independent[CALL_KIND_COUNT][CLASS_ROWS];    /* and the n of these errors: below `sampled` if the samples have weights */
  uint64_t untimed[CALL_KIND_COUNT][CLASS_ROWS];        /* calls of which there is not one sample: they are in no histogram */
  double variance[CALL_KIND_COUNT][CLASS_ROWS];         /* square of the standard error of the number of calls, */
  double time_variance[CALL_KIND_COUNT][CLASS_ROWS];    /* of the sum of their times, */
  double *below[CALL_KIND_COUNT][CLASS_ROWS];           /* and of the number of calls up to the end of each bucket; NULL: all are exact */
};

/* The histograms of one process, and the sums of the squares of the weights in `fast`; 0: each weighs 1. */
struct calls_of_process {
  uint64_t squares[CALL_KIND_COUNT][CLASS_ROWS];
  struct histogram slow[CALL_KIND_COUNT][CLASS_ROWS], fast[CALL_KIND_COUNT][CLASS_ROWS];
};

/* Adds the calls of a process; `counters`: its class rows, without what it inherited. */
void calls_add(struct model_calls *into, const struct calls_of_process *calls, const struct stats_class_counters counters[CLASS_ROWS]);

/* Adds `sample`, scaled to exactly `count` values, to `into`. The sample is not empty, unless count is 0. */
void calls_add_scaled(struct histogram *into, const struct histogram *sample, uint64_t count);

/* All classes of a kind, or of all kinds (CALL_KIND_COUNT), in a new histogram; NULL if there are none. */
struct histogram *calls_merged(const struct model_calls *calls, unsigned kind);

/* The calls of a class that free, or all that allocate (realloc is one of them), in a new histogram; NULL if there are none. */
struct histogram *calls_of_class(const struct model_calls *calls, uint32_t cls, bool frees);

/* The number of calls, in a histogram or not, and its standard error. */
uint64_t calls_count(const struct model_calls *calls, unsigned kind, double *error);

/* Calls of a kind, or of all (CALL_KIND_COUNT), that are in no histogram. */
uint64_t calls_untimed(const struct model_calls *calls, unsigned kind);

/* Whether their histogram, `h`, says how long most of them took. Otherwise it has mostly those that left the fast path, as in the secure mode. */
static inline bool calls_are_timed(const struct model_calls *calls, unsigned kind, const struct histogram *h) { return h->count >= calls_untimed(calls, kind); }

/* The time that the calls of a kind, or of all (CALL_KIND_COUNT), took, and its standard error. */
double calls_time(const struct model_calls *calls, unsigned kind, double *error);

/* ---- The errors of a histogram: of calls, of look-ups, of stages. ---- */

/* How its values were taken. */
enum timed_how {
  TIMED_ALL,   /* each of them: no figure has an error */
  TIMED_SOME,  /* it has samples, which all weigh the same: the error of the rank of a quantile is the binomial sqrt(q (1 - q) n) */
  TIMED_CALLS, /* it has `calls` of `kind`: see above */
};
#define CALLS_ALL CALL_KIND_COUNT /* kinds together: all of them, or those that allocate */
#define CALLS_ALLOCATE (CALL_KIND_COUNT + 1)
struct timed {
  enum timed_how how;
  const struct model_calls *calls;
  unsigned kind;
};

/* One standard error to both sides of a quantile. `upper` is UINT64_MAX if the samples do not tell. `cls`: CLASS_ROWS if `h` has all classes. */
struct quantile_range {
  uint64_t lower, upper;
};
struct quantile_range timed_quantile(struct timed timed, uint32_t cls, const struct histogram *h, double quantile);
/* The standard error of the mean. */
double timed_mean_error(struct timed timed, uint32_t cls, const struct histogram *h);

void calls_free(struct model_calls *calls);

#endif
