#include "large.h"

#include "events.h"
#include "legacy.h"
#include "recording.h"
#include "shared_fail.h"
#include "tls_sll.h"

struct slab *large_take(size_t size, bool grown, size_t align, bool *zeroed) {
  /* A checker wants each in a mapping of its own, with closed memory in front. */
  if (hub_checked || size > units_large_max() || align > UNIT_SIZE) return legacy_huge_alloc(size, align, LEGACY_HUGE, zeroed);
  const size_t room = grown ? size + size / 2 : size;
  /* A block whose room is one unit is as well off in a SuperSlab. */
  if (grown && room > UNIT_SIZE && legacy_has_place()) return legacy_huge_alloc(size, align, LEGACY_GROWN, zeroed);
  struct units_refusal refusal;
  struct slab *slab = units_large_alloc(size, min_size(room, units_large_max()), zeroed, &refusal);
  if (slab == NULL && sll_trim_ended()) slab = units_large_alloc(size, min_size(room, units_large_max()), zeroed, &refusal);
  if (slab != NULL) return slab;
  shared_fail_raise(NULL, CLASS_LARGE, (uint32_t)(align_up(size, UNIT_SIZE) / UNIT_SIZE), refusal);
  return legacy_huge_alloc(size, align, (enum legacy_reason)refusal.reason, zeroed);
}

void large_give(struct slab *slab) {
  recording_free(slab->base, slab->cls);
  hub_count(slab->cls, 0, 1);
  if (slab->cls == CLASS_LARGE) units_large_free(slab);
  else legacy_huge_free(slab);
}
