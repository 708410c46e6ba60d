/*
 * slab_map.c: makes the maps of SuperSlabs and slabs, one snapshot at a time. The caller is inside a change of the block (stats_file_changing).
 */
#include <string.h>

#include "src/platform/base.h"
#include "statistics/stats.h"
#include "slab_map.h"

#define FIRST_PERIOD_NS 250000000u /* doubled whenever all maps are used */

static uint64_t last_base; /* of the SuperSlab that was met last */
static bool is_in;         /* it is in the map */
static uint32_t every;     /* one SuperSlab of each `every` is in the map */

/* Drops every second map, but not the first. */
static void thin(struct stats_block *b) {
  uint32_t kept[STATS_MAPS], count = 0, dropped = b->map_count;
  memcpy(kept, b->map_at, sizeof(kept));
  for (uint32_t i = 0; i < b->map_count; i++) {
    if (i % 2 == 0) b->map_at[count++] = kept[i];
    else b->map_at[--dropped] = kept[i]; /* behind the used ones: free to be made again */
  }
  b->map_count = count;
  b->map_period_ns *= 2;
}

struct stats_map *slab_map_begin(struct stats_block *b, bool now, uint64_t wait_ns) {
  const uint64_t time_ns = stats_elapsed_ns();
  if (b->map_period_ns == 0) {
    b->map_period_ns = FIRST_PERIOD_NS;
    for (uint32_t i = 0; i < STATS_MAPS; i++) b->map_at[i] = i;
  }
  const bool due = time_ns >= (b->map_count > 0 ? b->maps[b->map_at[b->map_count - 1]].time_ns : 0) + b->map_period_ns;
  if (!now && (!due || (wait_ns > 0 && wait_ns < b->map_period_ns))) return NULL;
  if (b->map_count == STATS_MAPS) thin(b);
  struct stats_map *map = &b->maps[b->map_at[b->map_count]];
  map->time_ns = time_ns;
  map->sampled_ns = 0;
  map->superslabs = map->slabs = map->superslab_count = map->slab_count = 0;
  last_base = 0;
  every = (uint32_t)((__atomic_load_n(&b->superslabs_active, __ATOMIC_RELAXED) + STATS_MAP_SUPERSLABS - 1) / STATS_MAP_SUPERSLABS);
  if (every == 0) every = 1;
  return map;
}

static void begin_superslab(struct stats_map *map, uint64_t base) {
  last_base = base;
  is_in = map->superslabs++ % every == 0 && map->superslab_count < STATS_MAP_SUPERSLABS;
  if (is_in) map->base[map->superslab_count++] = base;
}

void slab_map_add(struct stats_map *map, const struct stats_block *b, const struct slab_view *slab, uint64_t now_ms) {
  const uint64_t at = (uintptr_t)slab->base, base = at & ~(b->superslab_size - 1);
  if (slab->legacy) return;
  if (base != last_base) begin_superslab(map, base);
  map->slabs++;
  if (!is_in || map->slab_count == STATS_MAP_SLABS) return;
  const bool small = slab->cls < CLASS_COUNT;
  map->slab[map->slab_count++] = (struct stats_slab){.superslab = (uint8_t)(map->superslab_count - 1),
                                                     .unit = (uint8_t)((at - base) / UNIT_SIZE),
                                                     .units = (uint8_t)((slab->size + UNIT_SIZE - 1) / UNIT_SIZE),
                                                     .cls = (uint8_t)slab->cls,
                                                     .live = (uint16_t)(small ? slab->live : 1),
                                                     .capacity = (uint16_t)slab->capacity,
                                                     .idle_ms = small ? view_idle_ms(slab, now_ms) : 0};
}

void slab_map_end(struct stats_block *b, struct stats_map *map) {
  b->map_made[map - b->maps] = ++b->maps_made;
  b->map_count++;
}
