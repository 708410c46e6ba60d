/* slab_map.h: the maps of SuperSlabs and slabs in the statistics block; see struct stats_map. */
#ifndef HAKMEM_SLAB_MAP_H
#define HAKMEM_SLAB_MAP_H

#include "src/checks/view.h"
#include "statistics/stats_block.h"

/*
 * Before the walk over all slabs: chooses the map to be made. NULL if none is due, which does not hold with `now`. A map that is due waits for the next
 * table of call sites, so that its slabs have call sites, too: `wait_ns`, unless that is longer than the time between two maps.
 */
struct stats_map *slab_map_begin(struct stats_block *b, bool now, uint64_t wait_ns);

/* During the walk, with locks held: adds a slab that lies in a SuperSlab. `now_ms` is os_now_ms. */
void slab_map_add(struct stats_map *map, const struct stats_block *b, const struct slab_view *slab, uint64_t now_ms);

/* After it: the map becomes part of the block. */
void slab_map_end(struct stats_block *b, struct stats_map *map);

#endif
