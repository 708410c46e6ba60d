#include "valid.h"

#include "checks/records.h"
#include "modes/guard_slots.h"
#include "slabs/directory.h"
#include "slabs/legacy/legacy.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/superslabs.h"
#include "slabs/units.h"
#include "threads/tls_budget.h"
#include "threads/tls_lists.h"

/* The directory knows every slab of the SuperSlab, at each of its units. (directory_is_valid compares the other way round.) */
static void is_in_directory(struct superslab *ss, void *all) {
  for (uint32_t u = 0; u < ss->units; u++) {
    const struct slab *const slab = superslab_slab_at(ss, u);
    *(bool *)all &= slab == NULL || directory_has(slab);
  }
}

static bool directory_has_all(void) {
  bool all = true;
  superslabs_visit(false, is_in_directory, &all);
  return all;
}

/* Lists and batches hold only blocks that slabs have handed out. */
static bool blocks_add_up(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct pool_usage pool;
    struct legacy_usage legacy;
    uint64_t allocs, frees;
    pool_usage(cls, &pool);
    legacy_usage(cls, &legacy);
    if (sll_cached(cls, &allocs, &frees) + pool.batched > pool.used + legacy.used || pool.used > pool.capacity || legacy.used > legacy.capacity) return false;
  }
  return true;
}

const char *core_broken(void) {
  if (!units_are_valid()) return "SuperSlabs";
  if (!directory_is_valid() || !directory_has_all()) return "directory";
  if (!pool_is_valid()) return "shared pool";
  if (!legacy_is_valid()) return "legacy";
  if (!sll_are_valid()) return "threads' lists";
  if (!sll_shares_are_valid()) return "threads' shares";
  if (!blocks_add_up()) return "sums of blocks";
  if (HAKMEM_EVENTS && !records_are_valid()) return "records";
  if (HAKMEM_EVENTS && !slots_are_valid()) return "guarded slots";
  return NULL;
}
