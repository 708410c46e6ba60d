/*
 * slab_sites.c: two open-addressed tables, made anew for each map.
 *
 *   slabs   address of a slab -> its index in the map
 *   pairs   slab and stack -> samples;   3/4 of it are used at most
 *
 * A pair that finds no place counts as a sample of its slab only. So the samples of a stack are never more than there are; in a map of many slabs with
 * many stacks each, another stack may have had more.
 */
#include "slab_sites.h"

#include <string.h>

#include "src/memory/os.h"
#include "src/platform/base.h"

#define SLABS (2u * STATS_MAP_SLABS)
#define PAIRS (2u * STATS_MAP_SLABS)

struct pair {
  uint32_t stack;
  uint16_t slab, samples; /* samples 0: an empty place */
};

static struct tables {
  uint16_t slabs[SLABS]; /* index + 1; 0: an empty place */
  struct pair pairs[PAIRS];
} * tables;
static uint32_t used; /* pairs */
#define TABLES_BYTES align_up(sizeof(*tables), os_page_size())

static uint32_t place_of(uint64_t key, uint32_t size) { return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) % size; }

static uint64_t base_of(const struct stats_map *map, const struct stats_slab *slab) { return map->base[slab->superslab] + (uint64_t)slab->unit * UNIT_SIZE; }

bool slab_sites_begin(const struct stats_map *map) {
  if (tables == NULL) {
    int error;
    tables = os_map(TABLES_BYTES, os_page_size(), &error);
    if (tables == NULL) return false;
  }
  memset(tables, 0, sizeof(*tables));
  used = 0;
  for (uint32_t i = 0; i < map->slab_count; i++) {
    uint32_t at = place_of(base_of(map, &map->slab[i]) / UNIT_SIZE, SLABS);
    while (tables->slabs[at] != 0) at = (at + 1) % SLABS;
    tables->slabs[at] = (uint16_t)(i + 1);
  }
  return true;
}

/* The slab of the map that begins at `base`, or NULL. */
static struct stats_slab *slab_at(struct stats_map *map, uint64_t base) {
  for (uint32_t at = place_of(base / UNIT_SIZE, SLABS); tables->slabs[at] != 0; at = (at + 1) % SLABS) {
    struct stats_slab *const slab = &map->slab[tables->slabs[at] - 1];
    if (base_of(map, slab) == base) return slab;
  }
  return NULL;
}

static void count_pair(uint16_t slab, uint32_t stack) {
  uint32_t at = place_of((uint64_t)stack << 16 | slab, PAIRS);
  for (; tables->pairs[at].samples != 0; at = (at + 1) % PAIRS) {
    struct pair *const pair = &tables->pairs[at];
    if (pair->slab != slab || pair->stack != stack) continue;
    if (pair->samples < UINT16_MAX) pair->samples++;
    return;
  }
  if (used >= PAIRS / 4 * 3) return;
  used++;
  tables->pairs[at] = (struct pair){.stack = stack, .slab = slab, .samples = 1};
}

/* The slab may have become one of another class since the map was made. */
void slab_sites_add(struct stats_map *map, const struct slab_view *slab, uint32_t stack) {
  struct stats_slab *const found = slab_at(map, (uintptr_t)slab->base);
  if (found == NULL || found->cls != (uint8_t)slab->cls || found->samples == UINT16_MAX) return;
  found->samples++;
  if (stack != 0) count_pair((uint16_t)(found - map->slab), stack);
}

void slab_sites_end(struct stats_map *map) {
  for (uint32_t i = 0; i < PAIRS; i++) {
    const struct pair *const pair = &tables->pairs[i];
    struct stats_slab *const slab = &map->slab[pair->slab];
    if (pair->samples <= slab->stack_samples) continue;
    slab->stack_samples = pair->samples;
    slab->stack = pair->stack;
  }
}

size_t slab_sites_bytes(void) { return tables != NULL ? TABLES_BYTES : 0; }
