/* slab_sites.h: which call site holds each slab of a map, from the records of HAKMEM_PROFILE. One map at a time. */
#ifndef HAKMEM_SLAB_SITES_H
#define HAKMEM_SLAB_SITES_H

#include "src/checks/view.h"
#include "statistics/stats_block.h"

/* The map's slabs are complete, and have no samples yet. False if memory runs out. */
bool slab_sites_begin(const struct stats_map *map);

/* A live block in `slab` was allocated at `stack`. With a lock held: allocates nothing. */
void slab_sites_add(struct stats_map *map, const struct slab_view *slab, uint32_t stack);

/* Gives each slab the stack that most of its samples have. */
void slab_sites_end(struct stats_map *map);

/* Bytes of the working tables. Signal safe. */
size_t slab_sites_bytes(void);

#endif
