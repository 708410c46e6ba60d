#include "pointer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "checker_hooks.h"
#include "events.h"
#include "memory/maps.h"
#include "platform/config.h"
#include "slabs/directory.h"
#include "slabs/legacy/legacy.h"
#include "slabs/superslabs.h"

bool pointer_is_link(const struct block *block, uint32_t cls) {
  if (block == BLOCK_END) return true;
  const struct slab *slab = directory_slab(block);
  return slab != NULL && slab->cls == cls && slab_block_of(slab, block) == block;
}

/* ---- Outside of all slabs. ---- */

/* Whether a block could have begun at `p`, in a unit whose last slab or block was of class row `former`. */
static bool could_have_begun(const void *p, uint32_t former) {
  const uintptr_t unit = align_down((uintptr_t)p, UNIT_SIZE);
  if (former == CLASS_NONE) return false;
  if (former >= CLASS_COUNT) return (uintptr_t)p == unit;
  for (uint32_t u = 0; u < class_slab_units(former); u++) { /* the slab began at this unit, or before */
    const uintptr_t first = unit - u * UNIT_SIZE + class_first(former);
    if ((uintptr_t)p >= first && ((uintptr_t)p - first) % class_stride(former) == 0) return true;
  }
  return false;
}

/* A thread's control block lies at the end of its stack, and is not a part of it. The main thread's lies elsewhere. */
static bool is_on_stack(const void *p, const struct maps_region *region) {
  if (strcmp(region->path, "[stack]") == 0) return true;
  const uintptr_t here = (uintptr_t)__builtin_frame_address(0), self = (uintptr_t)pthread_self();
  if (here < region->start || here >= region->end) return false;
  return self < region->start || self >= region->end || (uintptr_t)p < self;
}

static enum pointer_kind kind_outside(const void *p) {
  struct maps_region region;
  if (!HAKMEM_EVENTS) return POINTER_UNKNOWN; /* the plain build reports nothing, so it need not ask the kernel */
  const bool ours = superslabs_hold(p) || legacy_keeps(p);
  const enum maps_answer answer = ours ? MAPS_FOUND : maps_find((uintptr_t)p, &region);
  /* If memory that is not ours is mapped here, it was mapped after our block was unmapped. */
  if ((ours || answer == MAPS_NOTHING) && could_have_begun(p, directory_former(p))) return POINTER_GONE;
  if (ours) return POINTER_UNUSED;
  if (answer == MAPS_UNKNOWN) return POINTER_UNKNOWN;
  if (answer == MAPS_NOTHING) return POINTER_UNMAPPED;
  struct dl_find_object object;
  if (_dl_find_object((void *)(uintptr_t)p, &object) == 0) return POINTER_STATIC;
  return is_on_stack(p, &region) ? POINTER_STACK : POINTER_FOREIGN;
}

/* ---- In a slab. ---- */

/* The directory leads to a large or huge block from its first unit only. */
static void look_outside(struct pointer *at) {
  at->slab = directory_large(at->p);
  if (at->slab == NULL) {
    at->kind = kind_outside(at->p);
    return;
  }
  at->kind = POINTER_INSIDE;
  at->cls = at->slab->cls;
  at->block = at->slab->base;
}

static void look_at_large(struct pointer *at) {
  at->block = at->slab->base;
  at->kind = at->p != at->block ? POINTER_INSIDE : at->slab->redzone ? POINTER_REDZONE : at->cls == CLASS_LARGE ? POINTER_LARGE : POINTER_HUGE;
}

/* A block begins at `p`. False if its slab's tail was released while its header was read: then the header means nothing. */
static bool look_at_header(struct pointer *at) {
  const bool debug = HAKMEM_EVENTS && config.debug != 0 && !hub_checked; /* the same as modes.debug, which lies on a higher floor */
  const bool redzone = debug && at->header == header_sampled(at->cls);
  at->kind = redzone ? POINTER_REDZONE : POINTER_BLOCK;
  if (HAKMEM_EVENTS) at->state = header_state(at->header, at->cls);
  return at->state == BLOCK_LIVE || !slab_lost_block(at->slab, at->p);
}

static void look_at_small(struct pointer *at) {
  const void *p = at->p;
  at->block = slab_block_of(at->slab, p);
#if HAKMEM_EVENTS
  if ((const char *)p > at->slab->base) at->header = header_get(p); /* the byte before the slab may be unmapped */
#endif
  if (at->block == p && look_at_header(at)) return;
  const uint32_t former = directory_former(p);
  const bool was_large = former >= CLASS_COUNT && could_have_begun(p, former);
  at->block = slab_block_of(at->slab, p);
  if (was_large || slab_was_block(at->slab, p)) at->kind = POINTER_GONE;
  else at->kind = at->block != NULL ? POINTER_INSIDE : POINTER_BETWEEN;
}

struct pointer pointer_in(struct slab *slab, const void *p) {
  struct pointer at;
  at.p = p;
  at.slab = slab;
  at.cls = slab != NULL ? slab->cls : CLASS_NONE;
  at.block = NULL;
  at.slot = NULL;
  at.header = 0;
  at.state = BLOCK_LIVE;
  if (slab == NULL) look_outside(&at);
  else if (at.cls >= CLASS_COUNT) look_at_large(&at);
  else look_at_small(&at);
  return at;
}

struct pointer pointer_at(const void *p) {
  return pointer_in(directory_slab(p), p);
}
