/*
 * mappings.h: what else is resident: the largest mappings by name, from /proc/self/smaps. The kernel counts pages for it, so it takes about a millisecond
 * for each 300 MB. So it is read once, at the end, and only if much of the resident set is not the allocator's.
 */
#ifndef HAKMEM_MAPPINGS_H
#define HAKMEM_MAPPINGS_H

#include "statistics/stats_block.h"

/* Fills in b->mappings, by b->rss, b->committed and b->untouched. Allocates nothing. */
void mappings_take(struct stats_block *b);

#endif
