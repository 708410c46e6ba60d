#include "large.h"

#include "events.h"
#include "legacy.h"
#include "recording.h"
#include "shared_fail.h"

/* A block that grows on, and is longer soon than a SuperSlab has in one place: among eight of its size, there is none left. */
static bool outgrows(size_t size, size_t room) { return room > size && room > units_large_max() / 4; }

struct slab *large_take(size_t size, size_t room, size_t align, bool *zeroed) {
  /* A checker wants each in a mapping of its own, with closed memory in front. */
  if (hub_checked || size > units_large_max() || align > UNIT_SIZE || outgrows(size, room)) return legacy_huge_alloc(size, room, align, LEGACY_HUGE, zeroed);
  struct units_refusal refusal;
  struct slab *slab = units_large_alloc(size, room, zeroed, &refusal);
  if (slab != NULL) return slab;
  shared_fail_raise(NULL, CLASS_LARGE, (uint32_t)(align_up(size, UNIT_SIZE) / UNIT_SIZE), refusal);
  return legacy_huge_alloc(size, size, align, (enum legacy_reason)refusal.reason, zeroed);
}

void large_give(struct slab *slab) {
  recording_free(slab->base, slab->cls);
  hub_count(slab->cls, 0, 1);
  if (slab->cls == CLASS_LARGE) units_large_free(slab);
  else legacy_huge_free(slab);
}
