#include "usage.h"

#include "checks/records.h"
#include "memory/os.h"
#include "modes/guard.h"
#include "modes/retired.h"
#include "slabs/directory.h"
#include "slabs/legacy/legacy.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/slab_list.h"
#include "slabs/superslabs.h"
#include "threads/tls_sll.h"

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

struct class_usage usage_of_class(uint32_t cls) {
  struct pool_usage pool;
  struct legacy_usage legacy;
  uint64_t allocs, frees;
  pool_usage(cls, &pool);
  legacy_usage(cls, &legacy);
  if (pool.slabs + legacy.slabs == 0) return (struct class_usage){0}; /* most classes of most processes: saves a walk over the threads' lists */
  struct class_usage u = {.slabs = pool.slabs + legacy.slabs,
                          .capacity = pool.capacity + legacy.capacity,
                          .bytes = pool.bytes + legacy.bytes,
                          .listed = sll_cached(cls, &allocs, &frees),
                          .batched = pool.batched};
  const uint64_t used = pool.used + legacy.used;
  u.live = above(used, u.listed + u.batched);
  u.partial = above(u.capacity, used);
  return u;
}

static uint64_t legacy_bytes(void) {
  uint64_t sum = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct legacy_usage legacy;
    legacy_usage(cls, &legacy);
    sum += legacy.bytes;
  }
  return sum;
}

struct heap_usage usage_of_heap(void) {
  struct superslabs_totals units;
  struct legacy_usage huge;
  superslabs_totals(&units);
  legacy_usage(CLASS_HUGE, &huge);
  return (struct heap_usage){.superslabs = units.active,
                             .superslab_bytes = units.mapped,
                             .free_bytes = units.free_units * UNIT_SIZE,
                             .dirty_bytes = units.dirty_bytes,
                             .legacy_bytes = legacy_bytes(),
                             .huge_blocks = huge.huge_blocks,
                             .huge_requested = huge.huge_requested,
                             .huge_bytes = huge.huge_bytes,
                             .huge_kept = huge.kept_bytes,
                             .guarded = HAKMEM_EVENTS ? guard_bytes() : 0,
                             .mapped = os_mapped(),
                             .metadata = os_metadata_used() + directory_bytes() + (HAKMEM_EVENTS ? record_bytes() : 0)};
}

struct most_threads {
  struct thread_usage *rows;
  uint32_t most, kept, all;
};

/* Puts the lists into their place among the largest; the smallest of these gives way. */
static void keep_largest(const struct sll_holding *holding, void *context) {
  struct most_threads *const m = context;
  m->all++;
  uint32_t at = m->kept < m->most ? m->kept++ : m->most;
  for (; at > 0 && m->rows[at - 1].bytes < holding->bytes; at--) {
    if (at < m->most) m->rows[at] = m->rows[at - 1];
  }
  if (at < m->most) m->rows[at] = (struct thread_usage){holding->tid, holding->bytes, holding->seen_ms};
}

uint32_t usage_of_threads(struct thread_usage *out, uint32_t most) {
  struct most_threads m = {.rows = out, .most = most};
  sll_each_holding(keep_largest, &m);
  return m.all;
}

static void add_resident(struct superslab *ss, void *sum) { *(uint64_t *)sum += superslab_resident(ss); }

bool usage_ask_kernel(enum view_lock lock, uint64_t *in_superslabs, uint64_t *metadata_untouched) {
  *in_superslabs = 0;
  *metadata_untouched = directory_untouched();
  return superslabs_visit(lock == VIEW_TRY, add_resident, in_superslabs);
}

struct operations usage_unpublished(uint32_t cls) {
  struct operations sum;
  sll_cached(cls, &sum.allocs, &sum.frees);
  return sum;
}

struct operations usage_own_unpublished(uint32_t cls) {
  struct operations own;
  sll_unpublished(cls, &own.allocs, &own.frees);
  return own;
}

void usage_all_unpublished(struct unpublished *out) {
  *out = (struct unpublished){0};
  sll_add_unpublished(out->allocs, out->frees);
}

uint32_t usage_sample_weight(void) { return sll_sample_weight(); }

#if HAKMEM_EVENTS
void usage_layout(struct layout *out) {
  *out = (struct layout){.slabs = slab_layout,
                         .pool = pool_layout,
                         .legacy = legacy_layout,
                         .units = superslabs_layout,
                         .lists = sll_layout,
                         .retired = retired_layout,
                         .directory = directory_layout,
                         .bytes = {os_mapped_layout, os_metadata_layout, record_layout, guard_layout}};
}
#endif

void usage_publish(void) { sll_publish_all(); }
bool usage_all_events(void) { return sll_goes_slow(); }
