#include "reclaim.h"

#include "checker_hooks.h"
#include "memory/os.h"
#include "modes/retired.h"
#include "slabs/legacy/legacy.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"
#include "threads/tls_drain.h"
#include "threads/tls_idle.h"
#include "threads/tls_threads.h"
#include "usage.h"

#define SLACK MIB /* because free_bytes is an estimate */

/* ---- RECLAIM_FREE: free memory. ---- */

/* Bytes of slabs of class `cls` that are in no live block. Blocks in the lists of other threads count as free. */
static size_t free_of_class(uint32_t cls) {
  const struct class_usage usage = usage_of_class(cls);
  const uint64_t live = usage.live * class_stride(cls);
  return usage.bytes > live ? usage.bytes - live : 0;
}

/* The most bytes that can be returned to the kernel. */
static size_t free_bytes(void) {
  const struct heap_usage heap = usage_of_heap();
  size_t free = heap.free_bytes + heap.huge_kept;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) free += free_of_class(cls);
  return free;
}

/*
 * ---- RECLAIM_TEAR: memory between blocks. ----
 *
 * Memory that will be unmapped must not be used again. So it is removed from the books first, under the lock, and unmapped afterwards. If a run is freed
 * meanwhile, it is known to be cut, and the rest of its last unit is unmapped, too.
 */
#define HOLES 128

struct holes {
  struct hole {
    char *base;
    size_t size;
    bool guards; /* the pages around it, and not the hole itself */
  } hole[HOLES];
  uint32_t count;
};

static void add_hole(struct holes *holes, char *base, size_t size, bool guards) {
  holes->hole[holes->count].base = base;
  holes->hole[holes->count].guards = guards;
  holes->hole[holes->count++].size = size;
}

/* What lies around a SuperSlab, closed. */
static void add_surroundings(struct holes *holes, struct superslab *ss) {
  char *const whole = ss->base - ss->moat;
  if (ss->apart) add_hole(holes, whole, ss->moat + ss->size, true);
  if (ss->moat != 0) add_hole(holes, whole, ss->moat, false);
  ss->apart = false;
  ss->moat = 0;
}

/* The bytes of a large block behind its last needed page; 0 if they are less than a sixteenth of the run. */
static READS_RACILY size_t surplus_of(const struct slab *slab) {
  if (slab == NULL || slab->cls != CLASS_LARGE || slab->requested == 0 || slab_is_cut(slab)) return 0;
  const size_t surplus = slab->size - large_needs(slab->requested);
  return surplus * 16 >= slab->size ? surplus : 0;
}

/* Removes the unneeded memory of `ss` from the books, as long as there are holes for it. */
static bool tear(struct superslab *ss, void *context) {
  struct holes *holes = context;
  if (ss->pins != 0) return true;
  const uint32_t before = holes->count;
  for (uint32_t at = 0, units; holes->count < HOLES && (units = superslab_lose(ss, &at)) != 0;) {
    add_hole(holes, ss->base + (at - units) * UNIT_SIZE, units * UNIT_SIZE, false);
  }
  for (uint32_t u = 0; u < ss->units && holes->count < HOLES; u++) {
    struct slab *slab = superslab_slab_at(ss, u);
    const size_t surplus = surplus_of(slab);
    if (surplus == 0) continue;
    slab->size -= surplus;
    add_hole(holes, slab->base + slab->size, surplus, false);
  }
  if (holes->count != before) __atomic_store_n(&ss->torn, true, __ATOMIC_RELAXED);
  if (ss->torn && holes->count + 2 <= HOLES) add_surroundings(holes, ss);
  return holes->count < HOLES;
}

static void unmap_hole(const struct hole *hole) {
  if (hole->guards) os_unmap_guards(hole->base, hole->size);
  else os_unmap(hole->base, hole->size);
}

static void tear_all(void) {
  struct holes holes;
  if (hub_checked) return;
  do {
    holes.count = 0;
    superslabs_change(tear, &holes);
    for (uint32_t i = 0; i < holes.count; i++) unmap_hole(&holes.hole[i]);
  } while (holes.count == HOLES);
}

static void add_surplus(struct superslab *ss, void *context) {
  size_t *sum = context;
  if (ss->pins != 0) return;
  *sum += superslab_free_units(ss) * UNIT_SIZE;
  for (uint32_t u = 0; u < ss->units; u++) *sum += surplus_of(superslab_slab_at(ss, u));
}

/* Bytes that tear_all would unmap. */
static size_t torn_bytes(void) {
  size_t sum = 0;
  if (!hub_checked) superslabs_visit(false, add_surplus, &sum);
  return sum;
}

/* ---- Both steps. ---- */

bool reclaim_for(struct sll_cache *cache, size_t size, enum reclaim_step step) {
  const size_t free = step == RECLAIM_FREE ? free_bytes() + SLACK : torn_bytes(), left = os_left();
  if (free == 0 || (left != SIZE_MAX && size > left + free)) return false;
  if (step == RECLAIM_TEAR) {
    tear_all();
    return true;
  }
  if (cache != NULL) sll_drain_all(cache, DRAIN_TRIM);
  sll_trim_ended();
  sll_collect_idle(UINT64_MAX, DRAIN_TRIM);
  if (hub_checked) retired_empty(sll_return_blocks);
  pool_reclaim(sll_return_blocks);
  legacy_scavenge(true);
  os_unmap_refused();
  return true;
}
