/*
 * plausible.h: whether the figures of a statistics file can be true. A file that a process writes again and again has no checksum, so damage shows only by
 * figures that no process reaches, and by figures that contradict each other. The pages of such a file may be of slightly different moments.
 */
#ifndef HAKMEM_TOOLS_PLAUSIBLE_H
#define HAKMEM_TOOLS_PLAUSIBLE_H

#include "instrumentation/statistics/stats_block.h"

/* What cannot be true, "more frees than allocations"; NULL if nothing was found. The histograms are checked apart (plausible_histogram). */
const char *plausible_fault(const struct stats_block *b);

/* `count` is the sum of the buckets. */
bool plausible_histogram(const struct histogram *h);

/* Of a block as it is in the file: whether its checksum, if it has one, is that of its words. */
bool plausible_checksum(const struct stats_block *b);

#endif
