/*
 * heap.c: the buckets of memory: from the sums of the other structures, and from the numbers of the heap.
 */
#include <errno.h>
#include <string.h>

#include "src/platform/base.h"
#include "structures.h"

#define LEAVES_MAX 65536u

/* The directory's leaves, and what of them has no memory behind it. */
static int take_directory(struct reader *r, uint64_t *bytes) {
  const struct layout_directory *const l = &r->layout->directory;
  uint64_t leaves, size = (uint64_t)align_up(l->leaf_size, 4096);
  int error = number_at(r, l->leaves, &leaves);
  if (error == 0 && (leaves > LEAVES_MAX || l->leaf_size > ((uint64_t)1 << 32))) error = EINVAL;
  for (uint64_t i = 0; i < leaves && error == 0; i++) {
    uint16_t root = 0;
    int64_t distance = 0;
    error = process_read(&r->process, address_of(l->roots) + i * sizeof(root), &root, sizeof(root));
    if (error == 0 && root < l->root_length) error = process_read(&r->process, address_of(l->root) + root * sizeof(distance), &distance, sizeof(distance));
    if (error == 0 && distance != 0) r->sums.directory_untouched += size - process_resident(&r->process, address_of(l->zero_leaf) + (uint64_t)distance, size);
  }
  *bytes = leaves * l->leaf_size;
  return error;
}

struct heap {
  uint64_t kept, huge_blocks, huge_requested, huge_bytes;
  uint64_t active, dirty_units, mapped, metadata, records, guarded, directory;
};

static int read_heap(struct reader *r, struct heap *h) {
  const struct layout *const l = r->layout;
  const struct {
    struct layout_number from;
    uint64_t *to;
  } numbers[] = {{l->legacy.kept_bytes, &h->kept},
                 {l->legacy.huge_blocks, &h->huge_blocks},
                 {l->legacy.huge_requested, &h->huge_requested},
                 {l->legacy.huge_bytes, &h->huge_bytes},
                 {l->units.active, &h->active},
                 {l->units.dirty_units, &h->dirty_units},
                 {l->bytes.mapped, &h->mapped},
                 {l->bytes.metadata, &h->metadata},
                 {l->bytes.records, &h->records},
                 {l->bytes.guarded, &h->guarded}};
  int error = take_directory(r, &h->directory);
  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && error == 0; i++) error = number_at(r, numbers[i].from, numbers[i].to);
  return error;
}

static void fill_heap(struct reader *r, const struct heap *h) {
  struct stats_block *const b = r->block;
  const struct sums *const s = &r->sums;
  b->gauge[CLASS_LARGE] = (struct stats_class_gauges){.requested = s->large_requested,
                                                      .allocated = s->large_bytes,
                                                      .active = s->large_bytes,
                                                      .capacity = s->large_blocks,
                                                      .live = s->large_blocks,
                                                      .slabs = s->large_blocks};
  b->gauge[CLASS_HUGE] = (struct stats_class_gauges){.requested = h->huge_requested,
                                                     .allocated = h->huge_bytes,
                                                     .active = h->huge_bytes,
                                                     .capacity = h->huge_blocks,
                                                     .live = h->huge_blocks,
                                                     .slabs = h->huge_blocks};
  const uint64_t of_block = process_resident(&r->process, address_of(b->block_at), sizeof(*b));
  b->buckets = (struct stats_buckets){.live = s->large_bytes + h->huge_bytes,
                                      .empty = h->dirty_units * UNIT_SIZE + s->between,
                                      .tails = s->tails,
                                      .huge_cache = h->kept,
                                      .guarded = h->guarded,
                                      .metadata = h->metadata + h->directory + h->records + b->sites_bytes + of_block};
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_class_gauges *const g = &b->gauge[cls];
    const uint64_t stride = class_stride(cls);
    b->buckets.live += g->allocated;
    b->buckets.cached_tls += g->cached_tls * stride;
    b->buckets.cached_pool += g->cached_pool * stride;
    b->buckets.partial += g->partial * stride;
  }
  memcpy(b->utilisation, s->utilisation, sizeof(s->utilisation));
  memcpy(b->pins, s->pins, sizeof(s->pins));
  b->superslabs_active = h->active;
  b->mapped = h->mapped + sizeof(*b);
  b->committed = 0;
#define ADD_BUCKET(name, text) b->committed += b->buckets.name;
  STATS_BUCKETS(ADD_BUCKET)
  const uint64_t outside = h->huge_bytes + h->kept + s->legacy_bytes + b->buckets.metadata + h->guarded;
  b->untouched = above(above(b->committed, outside), s->in_superslabs) + s->directory_untouched;
}

int structures_take_heap(struct reader *r) {
  struct heap heap = {0};
  const int error = read_heap(r, &heap);
  if (error == 0) fill_heap(r, &heap);
  return error;
}
