/*
 * present.h: the statistics of a process that runs, as they are now: read from its memory, also if it rests, is stopped or hangs.
 */
#ifndef HAKMEM_TOOLS_PRESENT_H
#define HAKMEM_TOOLS_PRESENT_H

#include <stdint.h>

#include "instrumentation/statistics/stats_block.h"

/*
 * Replaces `block`, which was read from the statistics file of process `pid`, by what the process's memory says. The counters then have the operations that
 * its threads have not published, and the gauges are as a snapshot would make them. Nothing in the memory is trusted. Returns 0, or an errno: then
 * `block` is as it was.
 */
int present_take(struct stats_block *block, uint32_t pid);

#endif
