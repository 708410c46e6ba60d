#include "reclaim.h"

#include "slabs/legacy.h"
#include "memory/os.h"
#include "modes/quarantine.h"
#include "slabs/shared_pool.h"
#include "usage.h"

#define SLACK MIB /* what free_bytes says is an estimate */

/* Bytes of slabs of class `cls` that no live block lies in. Lists of other threads count as free. */
static size_t free_of_class(uint32_t cls) {
  const struct class_usage usage = usage_of_class(cls);
  const uint64_t live = usage.live * class_stride(cls);
  return usage.bytes > live ? usage.bytes - live : 0;
}

/* At most so much can be given back. */
static size_t free_bytes(void) {
  const struct heap_usage heap = usage_of_heap();
  size_t free = heap.free_bytes + heap.huge_kept;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) free += free_of_class(cls);
  return free;
}

bool reclaim_for(struct sll_cache *cache, size_t size, enum reclaim_step step) {
  const size_t free = step == RECLAIM_FREE ? free_bytes() + SLACK : units_spare(), left = os_left();
  if (free == 0 || (left != SIZE_MAX && size > left + free)) return false;
  if (step == RECLAIM_TEAR) {
    units_tear();
    return true;
  }
  if (cache != NULL) sll_drain_all(cache, DRAIN_TRIM);
  sll_trim_ended();
  sll_collect_idle(UINT64_MAX, DRAIN_TRIM);
  quarantine_empty();
  pool_reclaim(sll_return_blocks);
  legacy_scavenge(true);
  return true;
}
