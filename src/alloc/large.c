#include "large.h"

#include "checker_hooks.h"
#include "probe.h"
#include "slabs/legacy/legacy.h"
#include "slabs/superslabs.h"
#include "modes/recording.h"
#include "modes/modes.h"
#include "threads/shared_fail.h"
#include "threads/tls_sll.h"

#define AMPLE (8 * MIB) /* of free memory for each thread: if there is more, growing blocks are placed tightly */

/* Whether little memory is free. Then room to grow, which saves copies, matters more than a tight place. */
static bool may_spread(void) {
  struct superslabs_totals units;
  struct legacy_usage huge;
  superslabs_totals(&units);
  legacy_usage(CLASS_HUGE, &huge);
  return units.dirty_bytes + huge.kept_bytes < AMPLE * sll_running();
}

/* For a block that has grown, and whose room is more than a unit: takes existing memory, of SuperSlabs or kept; else a mapping of its own. */
static struct slab *take_grown(size_t size, bool *zeroed) {
  const bool spread = may_spread();
  const size_t room = size + size / 2;
  struct slab *slab = spread ? legacy_kept_alloc(size, true, zeroed) : NULL;
  if (slab == NULL) slab = units_large_take(size, spread ? min_size(room, units_large_max()) : size, zeroed);
  if (slab == NULL) slab = legacy_kept_alloc(size, false, zeroed);
  if (slab == NULL && legacy_has_place()) slab = legacy_huge_alloc(size, UNIT_SIZE, LEGACY_GROWN, zeroed);
  return slab;
}

/* Takes units of a SuperSlab. NULL, after the event for the refusal, if none has room; *refusal says why. */
static struct slab *take_units(size_t size, struct units_refusal *refusal, bool *zeroed) {
  struct slab *slab = units_large_alloc(size, zeroed, refusal);
  if (slab == NULL && sll_trim_ended()) slab = units_large_alloc(size, zeroed, refusal);
  if (slab == NULL) shared_fail_raise(NULL, CLASS_LARGE, (uint32_t)(align_up(size, UNIT_SIZE) / UNIT_SIZE), *refusal);
  return slab;
}

static struct slab *find(size_t size, size_t align, enum request_kind kind, bool *zeroed) {
  /* A checker needs each block in a mapping of its own, with closed memory in front. */
  if (hub_checked || size > units_large_max() || align > UNIT_SIZE) return legacy_huge_alloc(size, align, LEGACY_HUGE, zeroed);
  if (kind == REQUEST_SHRUNK) return units_large_take(size, size, zeroed);
  struct slab *slab = kind == REQUEST_GROWN && size + size / 2 > UNIT_SIZE ? take_grown(size, zeroed) : NULL;
  if (slab != NULL) return slab;
  struct units_refusal refusal;
  slab = take_units(size, &refusal, zeroed);
  return slab != NULL ? slab : legacy_huge_alloc(size, align, (enum legacy_reason)refusal.reason, zeroed);
}

struct slab *large_take(size_t size, size_t align, enum request_kind kind, bool *zeroed) {
  struct slab *slab = find(size, align, kind, zeroed);
  if (slab != NULL) hub_count(slab->cls, 1, 0);
  return slab;
}

void large_give(struct slab *slab) {
  if (MODE(records)) recording_free(slab->base, slab->cls);
  hub_count(slab->cls, 0, 1);
  if (slab->cls == CLASS_LARGE) units_large_free(slab);
  else legacy_huge_free(slab);
}
