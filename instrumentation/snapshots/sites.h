/* sites.h: HAKMEM_PROFILE: the table of allocation sites. */
#ifndef HAKMEM_SITES_H
#define HAKMEM_SITES_H

#include <stdbool.h>

#include "statistics/stats_block.h"

/*
 * Makes the table of allocation sites for the latest snapshot. `moment`: its figures; `waste`, `pinned`, `pinned_slabs`: as in struct
 * stats_profile; `map`: the map of this snapshot, whose slabs get their call sites, or NULL. No lock may be held. Unless `now`, only as often as its
 * cost allows.
 */
void sites_take(const struct stats_moment *moment, uint64_t waste, uint64_t pinned, uint64_t pinned_slabs, struct stats_map *map, bool now);
/* How long its cost forbids the next table; 0: it may be made. */
uint64_t sites_wait_ns(void);
/* Bytes of the working table. Signal safe. */
size_t sites_bytes(void);
void sites_fork_child(void);

#endif
