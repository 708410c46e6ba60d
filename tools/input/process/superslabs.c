/*
 * superslabs.c: the SuperSlabs and their slabs: how full they are, and the map of now.
 */
#include <errno.h>
#include <stdlib.h>

#include "structures.h"

#define WALKS 3

void structures_add_slab(struct reader *r, const char *slab) {
  const struct layout_slabs *const l = &r->layout->slabs;
#define SLAB(name) ((uint32_t)member_of(slab, l->slab_size, l->name, 0))
  const uint32_t cls = SLAB(cls), carved = SLAB(carved), free_count = SLAB(free_count), capacity = SLAB(capacity);
  if (cls >= CLASS_COUNT || capacity == 0) return;
  const uint32_t used = carved > free_count ? carved - free_count : 0, live = used < capacity ? used : capacity;
  r->sums.utilisation[cls][live < capacity ? live * 10 / capacity : 10]++;
  if (live == 0 || live * 100 > capacity * STATS_PINNED) return;
  struct stats_pins *const pins = &r->sums.pins[cls];
  const uint32_t since = (uint32_t)r->now_ms - SLAB(taken_ms), idle_ms = since < INT32_MAX ? since : 0;
  pins->slabs++;
  pins->free += (uint64_t)(capacity - live) * class_stride(cls);
  pins->idle_ms += idle_ms;
  if (idle_ms > pins->longest_ms) pins->longest_ms = idle_ms;
}

static void add_to_map(struct reader *r, const char *slab, uint64_t unit) {
  const struct layout_slabs *const l = &r->layout->slabs;
  struct stats_map *const map = r->map;
  const uint32_t cls = SLAB(cls), carved = SLAB(carved), free_count = SLAB(free_count), since = (uint32_t)r->now_ms - SLAB(taken_ms);
  const bool small = cls < CLASS_COUNT;
  map->slabs++;
  if (map->superslab_count == 0 || map->superslab_count < map->superslabs || map->slab_count == STATS_MAP_SLABS) return;
  map->slab[map->slab_count++] = (struct stats_slab){.superslab = (uint8_t)(map->superslab_count - 1),
                                                     .unit = (uint8_t)unit,
                                                     .units = (uint8_t)SLAB(units),
                                                     .cls = (uint8_t)cls,
                                                     .live = (uint16_t)(small ? above(carved, free_count) : 1),
                                                     .capacity = (uint16_t)(small ? SLAB(capacity) : 1),
                                                     .idle_ms = small && since < INT32_MAX ? since : 0};
}

/* A run of units of a SuperSlab: a slab, a large block, or what is on its way from one to the other. Returns its units. */
static uint32_t add_run(struct reader *r, const char *slab, uint64_t base) {
  const struct layout_slabs *const l = &r->layout->slabs;
  const uint32_t cls = SLAB(cls), units = SLAB(units) <= UNITS_MAX ? SLAB(units) : UNITS_MAX;
  const uint64_t whole = units * UNIT_SIZE, said = member_of(slab, l->slab_size, l->size, 0), size = said < whole ? said : whole;
  r->sums.in_superslabs += process_resident(&r->process, base, size);
  if (cls < CLASS_COUNT) {
    structures_add_slab(r, slab);
  } else if (cls == CLASS_LARGE) {
    r->sums.large_blocks++;
    r->sums.large_requested += member_of(slab, l->slab_size, l->requested, 0);
    r->sums.large_bytes += size;
  } else {
    r->sums.between += size;
  }
  return units;
}

static int add_superslab(struct reader *r, uint64_t address, const char *head) {
  const struct layout_units *const l = &r->layout->units;
  const struct layout_slabs *const s = &r->layout->slabs;
  const uint64_t base = member_of(head, l->head_size, l->base, 0), count = member_of(head, l->head_size, l->units, 0);
  const uint64_t free_mask = member_of(head, l->head_size, l->free_mask, 0), gone_mask = member_of(head, l->head_size, l->gone_mask, 0);
  if (count == 0 || count > UNITS_MAX) return EINVAL;
  char *slabs;
  const int error = structure_at(r, address + l->head_size, s->slab_size, count, &slabs);
  if (r->map->superslabs++ < STATS_MAP_SUPERSLABS) r->map->base[r->map->superslab_count++] = base;
  for (uint64_t u = 0, units; u < count && error == 0; u += units) {
    const char *const slab = slabs + u * s->slab_size;
    const bool taken = ((free_mask | gone_mask) >> u & 1) == 0 && member_of(slab, s->slab_size, s->home, 0) == address &&
                       member_of(slab, s->slab_size, s->units, 0) != 0;
    if (taken) add_to_map(r, slab, u);
    units = taken ? add_run(r, slab, base + u * UNIT_SIZE) : 1;
    if ((free_mask >> u & 1) != 0) r->sums.in_superslabs += process_resident(&r->process, base + u * UNIT_SIZE, UNIT_SIZE);
  }
  free(slabs);
  return error;
}

/* Walks over the list. *whole: as many were met as there are, so most likely each of them once. */
static int walk_superslabs(struct reader *r, bool *whole) {
  const struct layout_units *const l = &r->layout->units;
  uint64_t at, active = 0, met = 0;
  int error = number_at(r, l->first, &at);
  if (error == 0) error = number_at(r, l->active, &active);
  for (; error == 0 && at != 0 && met <= active && met < SUPERSLABS_MAX; met++) {
    char *head;
    error = structure_at(r, at, l->head_size, 1, &head);
    if (error == 0) error = add_superslab(r, at, head);
    if (error == 0) at = member_of(head, l->head_size, l->next, 0);
    free(head);
  }
  *whole = error == 0 && at == 0 && met == active;
  return error;
}

/* Again, if SuperSlabs moved in the list meanwhile. */
int structures_take_superslabs(struct reader *r) {
  const struct sums before = r->sums;
  bool whole = false;
  int error = 0;
  for (unsigned i = 0; i < WALKS && error == 0 && !whole; i++) {
    r->sums = before;
    r->map->superslabs = r->map->superslab_count = r->map->slabs = r->map->slab_count = 0;
    error = walk_superslabs(r, &whole);
  }
  return error;
}
