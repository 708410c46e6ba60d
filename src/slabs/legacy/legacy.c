#include "legacy.h"

#include <string.h>

#include "checker_hooks.h"
#include "mappings.h"
#include "memory/os.h"
#include "memory/soft_limit.h"
#include "platform/config.h"
#include "probe.h"
#include "slabs/directory.h"

/* ---- Small blocks. ---- */

struct chain legacy_refill(uint32_t cls, uint32_t most, enum legacy_reason reason, uint32_t stack, struct broken_link *broken) {
  const uint64_t start = hub_ticks();
  struct slab_list *list = &legacy.slabs[cls];
  struct chain chain = CHAIN_EMPTY;
  lock_take(&legacy.lock);
  const bool had = slab_list_take(list, most, NULL, &chain) && chain.count != 0;
  *broken = list->broken;
  list->broken = (struct broken_link){0};
  uint64_t refused = legacy.refused_bytes;
  lock_release(&legacy.lock);
  if (!had) {
    struct slab *slab = mapping_new(class_slab_units(cls) * UNIT_SIZE, 0, UNIT_SIZE);
    if (slab == NULL) return chain;
    slab_init(slab, cls);
    if (config.secure != 0 && !hub_checked) memset(slab->base, 0, slab->size); /* as in pool_refill */
    directory_enter(slab);
    const void *base = slab->base;
    const uint32_t capacity = slab->capacity;
    lock_take(&legacy.lock);
    slab_list_add(list, slab);
    slab_list_take(list, most, NULL, &chain);
    refused = legacy.refused_bytes += slab->size;
    lock_release(&legacy.lock);
    EVENT(slab_acquire, .base = base, .cls = cls, .live = 0, .capacity = capacity);
  }
  EVENT(legacy_fallback, .cls = cls, .size = (uint64_t)chain.count * class_stride(cls), .base = chain.head, .reason = reason, .ticks = hub_ticks() - start,
        .stack = stack, .refused = refused);
  return chain;
}

/* Called under the lock: while it is held, every slab in the directory stays mapped. */
static void forget_empties(const struct slab *empties) {
  for (const struct slab *slab = empties; slab != NULL; slab = slab->next) {
    directory_leave(slab);
    legacy.refused_bytes -= slab->size;
  }
}

void legacy_return_blocks(uint32_t cls, struct chain chain) {
  struct slab_list *list = &legacy.slabs[cls];
  struct slab *empties = NULL;
  lock_take(&legacy.lock);
  while (chain.count > 0) {
    struct block *block = chain.head;
    struct slab *slab = directory_slab(block);
    if (!directory_begins(cls, block) || slab == NULL || slab->home != NULL) break; /* the link was overwritten after its free: the rest is lost */
    chain.head = block_next(block);
    chain.count--;
    if (!slab_list_give(list, slab, block)) continue;
    list->emptied_ms = os_now_ms();
    slab_list_shed(list, slab, false, &empties);
  }
  forget_empties(empties);
  lock_release(&legacy.lock);
  slabs_release(empties, mapping_unmap);
}

/* Releases the empty slab that each class keeps, if it was not used for a while. */
static size_t scavenge_slabs(bool trim, uint64_t now) {
  size_t released = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct slab_list *list = &legacy.slabs[cls];
    struct slab *empties = NULL;
    if (slab_list_is_unused(list)) continue;
    lock_take(&legacy.lock);
    if (trim || now >= list->emptied_ms + soft_limit_delay_ms()) slab_list_shed_empty(list, &empties);
    forget_empties(empties);
    lock_release(&legacy.lock);
    released += slabs_release(empties, mapping_unmap);
  }
  return released;
}

/* ---- All of it. ---- */

size_t legacy_scavenge(bool trim) {
  const uint64_t now = os_now_ms();
  const size_t released = scavenge_slabs(trim, now);
  return released + mapping_evict(trim ? UINT64_MAX : mapping_idle_since(now));
}

bool legacy_keeps(const void *p) {
  lock_take(&legacy.lock);
  const bool keeps = kept_holds(&legacy.kept, p);
  lock_release(&legacy.lock);
  return keeps;
}

READS_RACILY uint64_t legacy_held(void) { return legacy.huge_bytes + legacy.kept.bytes + legacy.refused_bytes; }

READS_RACILY uint64_t legacy_used(uint32_t cls) { return legacy.slabs[cls].used; }

READS_RACILY void legacy_usage(uint32_t cls, struct legacy_usage *out) {
  *out = (struct legacy_usage){.kept_bytes = legacy.kept.bytes};
  if (cls < CLASS_COUNT) {
    const struct slab_list *list = &legacy.slabs[cls];
    out->slabs = list->slabs;
    out->capacity = list->capacity;
    out->used = list->used;
    out->bytes = list->bytes;
  } else {
    out->huge_blocks = legacy.huge_blocks;
    out->huge_requested = legacy.huge_requested;
    out->huge_bytes = legacy.huge_bytes;
  }
}

struct small_visit {
  void (*visit)(struct slab *slab, void *context);
  void *context;
};

static void visit_if_small(struct slab *slab, void *context) {
  const struct small_visit *v = context;
  if (slab->home == NULL && slab->cls < CLASS_COUNT) v->visit(slab, v->context);
}

bool legacy_visit(bool try_only, void (*visit)(struct slab *slab, void *context), void *context) {
  uint64_t slabs = 0;
  if (!try_only) lock_take(&legacy.lock);
  else if (!lock_try(&legacy.lock)) return false;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) slabs += legacy.slabs[cls].slabs;
  if (slabs != 0) directory_each(visit_if_small, &(struct small_visit){visit, context}); /* the lists lack full slabs */
  lock_release(&legacy.lock);
  return true;
}

bool legacy_is_valid(void) {
  uint64_t small = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct slab_list *list = &legacy.slabs[cls];
    if (!slab_list_is_valid(list)) return false;
    small += list->bytes;
    for (const struct slab *slab = list->head; slab != NULL; slab = slab->next) {
      if (slab->home != NULL || slab->cls != cls || directory_slab(slab->base) != slab) return false;
    }
  }
  return kept_is_valid(&legacy.kept) && legacy.refused_bytes >= small && legacy.refused_bytes - small <= legacy.huge_bytes &&
         legacy.huge_requested <= legacy.huge_bytes && (legacy.huge_blocks == 0) == (legacy.huge_bytes == 0);
}

const struct lock_row legacy_locks = LOCK_ROW(legacy.lock);

const struct layout_legacy legacy_layout = {.lists = legacy.slabs,
                                            .step = sizeof(legacy.slabs[0]),
                                            .kept_bytes = LAYOUT_NUMBER(legacy.kept.bytes),
                                            .huge_blocks = LAYOUT_NUMBER(legacy.huge_blocks),
                                            .huge_requested = LAYOUT_NUMBER(legacy.huge_requested),
                                            .huge_bytes = LAYOUT_NUMBER(legacy.huge_bytes)};
