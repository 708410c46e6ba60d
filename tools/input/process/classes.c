/*
 * classes.c: the gauges of each class, from the shared pool and the legacy path.
 */
#include <stdlib.h>

#include "common/format.h"
#include "structures.h"

/* Legacy slabs in a list; the others are full. */
static int add_legacy(struct reader *r, uint32_t cls, uint64_t at, uint64_t slabs) {
  const struct layout_slabs *const l = &r->layout->slabs;
  uint64_t seen = 0;
  int error = 0;
  for (; error == 0 && at != 0 && seen < slabs && r->legacy_seen < SUPERSLABS_MAX; seen++, r->legacy_seen++) {
    char *slab;
    error = structure_at(r, at, l->slab_size, 1, &slab);
    if (error == 0) {
      structures_add_slab(r, slab);
      at = member_of(slab, l->slab_size, l->next, 0);
    }
    free(slab);
  }
  r->sums.utilisation[cls][STATS_UTILISATION_BINS - 1] += (uint32_t)above(slabs, seen);
  return error;
}

struct list {
  uint64_t slabs, capacity, used, bytes, head;
};

static struct list list_in(const struct reader *r, const char *bytes, size_t size, uint64_t offset) {
  const struct layout_slabs *const l = &r->layout->slabs;
  return (struct list){member_of(bytes, size, l->list_slabs, offset), member_of(bytes, size, l->list_capacity, offset),
                       member_of(bytes, size, l->list_used, offset), member_of(bytes, size, l->list_bytes, offset),
                       member_of(bytes, size, l->list_head, offset)};
}

static void fill_class(struct reader *r, uint32_t cls, const struct list *pool, const struct list *legacy, uint64_t batched) {
  struct stats_class_counters *const c = &r->block->cls[cls];
  const uint64_t stride = class_stride(cls), slabs = pool->slabs + legacy->slabs, used = pool->used + legacy->used;
  struct stats_class_gauges g = {.slabs = slabs,
                                 .capacity = pool->capacity + legacy->capacity,
                                 .active = pool->bytes + legacy->bytes,
                                 .cached_tls = r->sums.listed[cls],
                                 .cached_pool = batched};
  c->allocs += r->sums.unpublished[cls].allocs;
  c->frees += r->sums.unpublished[cls].frees;
  if (slabs == 0) g.cached_tls = g.cached_pool = 0;
  g.live = above(used, g.cached_tls + batched);
  g.partial = above(g.capacity, used);
  g.allocated = g.live * stride;
  const double mean = c->request_samples != 0 ? (double)c->request_bytes / (double)c->request_samples : (double)stride;
  g.requested = whole_number((double)g.live * mean);
  r->block->gauge[cls] = g;
  r->sums.tails += above(g.active, g.capacity * stride);
  r->sums.legacy_bytes += legacy->bytes;
}

int structures_take_classes(struct reader *r) {
  const struct layout_pool *const p = &r->layout->pool;
  const struct layout_legacy *const l = &r->layout->legacy;
  char *pools, *lists = NULL;
  int error = structure_at(r, address_of(p->classes), p->step, CLASS_COUNT, &pools);
  if (error == 0) error = structure_at(r, address_of(l->lists), l->step, CLASS_COUNT, &lists);
  for (uint32_t cls = 0; cls < CLASS_COUNT && error == 0; cls++) {
    const char *const pool = pools + (size_t)cls * p->step;
    const struct list of_pool = list_in(r, pool, p->step, p->list), of_legacy = list_in(r, lists + cls * l->step, l->step, 0);
    error = add_legacy(r, cls, of_legacy.head, of_legacy.slabs);
    fill_class(r, cls, &of_pool, &of_legacy, member_of(pool, p->step, p->batched, 0));
  }
  free(pools);
  free(lists);
  return error;
}
