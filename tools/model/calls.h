/*
 * calls.h: the distribution of whole calls, from what a statistics file has of them.
 *
 *   fast allocations of a class = allocs - (calls that were timed exactly) - (blocks that exactly timed reallocs took)        exact, and so for frees
 *   calls of a kind             = those that were timed exactly + its share of the fast ones                                  the share is sampled
 *
 * The histogram of a row has the exactly timed calls as they are, and the sampled ones scaled to the number of fast ones. So the kinds that
 * allocate have together exactly as many calls as blocks were allocated, except for reallocs that left their block in place: these are in no count, and
 * are estimated from the samples.
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
  uint64_t sampled[CALL_KIND_COUNT][CLASS_ROWS];        /* samples of the others */
  uint64_t untimed[CALL_KIND_COUNT][CLASS_ROWS];        /* calls of which there is not one sample: they are in no histogram */
  double variance[CALL_KIND_COUNT][CLASS_ROWS];         /* square of the standard error of the number of calls */
};

/* The histograms of one process. */
struct calls_of_process {
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

void calls_free(struct model_calls *calls);

#endif
