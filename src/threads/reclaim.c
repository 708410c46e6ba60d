#include "reclaim.h"

#include "memory/os.h"
#include "modes/quarantine.h"
#include "slabs/legacy.h"
#include "slabs/shared_pool.h"
#include "tls_drain.h"
#include "tls_idle.h"
#include "tls_threads.h"

#define SLACK MIB /* what free_bytes says is an estimate */

/* Bytes of slabs of class `cls` that no live block lies in. Lists of other threads count as free. */
static size_t free_of_class(uint32_t cls) {
  struct pool_usage pool;
  struct legacy_usage legacy;
  uint64_t allocs, frees;
  pool_usage(cls, &pool);
  if (pool.slabs == 0 && legacy_used(cls) == 0) return 0;
  legacy_usage(cls, &legacy);
  const uint64_t used = pool.used + legacy.used, free = pool.batched + sll_cached(cls, &allocs, &frees);
  const uint64_t live = (used > free ? used - free : 0) * class_stride(cls), bytes = pool.bytes + legacy.bytes;
  return bytes > live ? bytes - live : 0;
}

/* At most so much can be given back. */
static size_t free_bytes(void) {
  struct units_totals units;
  struct legacy_usage huge;
  units_totals(&units);
  legacy_usage(CLASS_HUGE, &huge);
  size_t free = units.free_units * UNIT_SIZE + huge.kept_bytes;
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
  quarantine_empty(sll_return_blocks);
  pool_reclaim(sll_return_blocks);
  legacy_scavenge(true);
  return true;
}
