#include "front.h"

#include <string.h>

#include "platform/config.h"
#include "modes/debug.h"
#include "probe.h"
#include "modes/guard.h"
#include "large.h"
#include "checks/records.h"

AT_START void front_start(void) {
  modes_resolve(hub_checked);
  if (!modes.front) return;
  if (!guard_start()) modes_without_guard();
  if (modes.debug) debug_start();
}

void front_audit(uint64_t until_ms) {
  if (modes.debug) debug_audit(until_ms);
  else guard_audit(until_ms);
}

/* ---- Guarded blocks. ---- */

struct taken front_take_guarded(struct sll_cache *cache, const struct request *r) {
  struct taken taken = {.cls = r->cls, .zeroed = !modes.debug, .recorded = true};
  if (!sll_take_guard(cache, r->cls) && !(modes.debug && debug_wants_guard(r->size))) return taken;
  if (r->cls < CLASS_COUNT) sll_rearm(cache, r->cls);
  taken.block = guard_alloc(r->size, r->align, r->cls, hub_block_stack(__builtin_frame_address(0)));
  if (taken.block == NULL) return taken;
  hub_count(r->cls, 1, 0);
  if (modes.debug) memset(taken.block, (int)config.fill, r->size);
  return taken;
}

/* Of a live block. False after a report. */
static bool look_at_family(void *p, enum block_family given) {
  struct record known;
  const bool guarded = guard_owns(p);
  if (guarded ? !guard_find(p, &known) || known.block != p : !modes.debug || !record_get(p, &known)) return true;
  return known.freed || misuse_family(&known, given);
}

void front_mark(void *p, enum block_family family) {
  if (guard_owns(p)) guard_set_family(p, family);
  else if (modes.debug) record_set_family(p, family);
}

bool front_given(void *p, enum block_family family) {
  if (!guard_owns(p) && !modes.debug) return true;
  const bool good = look_at_family(p, family);
  front_mark(p, FAMILY_UNKNOWN); /* it was looked at: what comes now is free */
  return good;
}

static void free_guarded(void *p) {
  look_at_family(p, FAMILY_MALLOC);
  const uint32_t cls = guard_free(p, hub_block_stack(__builtin_frame_address(0)));
  if (cls == CLASS_NONE) return;
  hub_count(cls, 0, 1);
  if (sll_goes_slow()) EVENT(free, .ptr = p, .size = 0, .cls = cls, .stack = hub_traced_stack());
}

/* ---- The debugging mode: blocks that lie in blocks of the core's. ---- */

/* A block of the core's, of class row *cls. A small one has the header `sampled`, so that nobody can free it but give_back. */
static void *take_inner(struct sll_cache *cache, size_t size, size_t align, uint32_t *cls) {
  if ((size | (align - 1)) >= ALIGNED_MAX) {
    bool zeroed;
    struct slab *slab = large_take(size, align, REQUEST_PLAIN, &zeroed);
    if (slab == NULL) return NULL;
    slab->redzone = true;
    *cls = slab->cls;
    return slab->base;
  }
  *cls = align <= MIN_ALIGN ? class_of_size(size) : class_of_aligned(align, size);
  sll_publish(cache, *cls);
  struct block *inner = sll_take(cache, *cls);
  if (inner != NULL) header_set(inner, header_sampled(*cls));
  return inner;
}

/* Gives a block of the core's back. */
static void give_back(void *inner) {
  const struct pointer at = pointer_at(inner);
  if (at.cls >= CLASS_COUNT) return large_give(at.slab);
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return;
  header_set(inner, HEADER_FREE);
  if (at.kind == POINTER_REDZONE) {
    sll_push(cache, at.cls, inner);
  } else {
    sll_abandon(cache, at.cls);
    misuse_header(&at, MISUSE_LIVE);
  }
  sll_leave(cache);
}

struct taken front_take_debug(struct sll_cache *cache, const struct request *r) {
  struct taken taken = {.recorded = true};
  const size_t size = debug_inner_size(r->size, r->align), align = debug_inner_align(r->align);
  if (size == 0) return taken;
  void *inner = take_inner(cache, size, align, &taken.cls);
  if (inner == NULL && debug_empty_quarantine(give_back)) inner = take_inner(cache, size, align, &taken.cls);
  if (inner == NULL) return taken;
  taken.block = debug_take(inner, r->size, r->align);
  if (taken.block == NULL) give_back(inner);
  return taken;
}

/* Whether `p` was a block of this mode's, or is reported. */
static bool debug_freed(void *p) {
  const enum debug_answer answer = debug_free(p, give_back);
  if (answer == DEBUG_GOOD) EVENT(free, .ptr = p, .size = 0, .cls = CLASS_NONE, .stack = hub_traced_stack());
  return answer != DEBUG_FOREIGN;
}

/* ---- Both. ---- */

bool front_free(void *p) {
  if (guard_owns(p)) {
    free_guarded(p);
    return true;
  }
  return modes.debug && debug_freed(p);
}

bool front_size(const void *p, enum misuse_state state, size_t *size, bool *good) {
  *size = 0;
  *good = false;
  if (guard_owns(p)) {
    *good = guard_size(p, state, size);
    return true;
  }
  if (!modes.debug) return false;
  const enum debug_answer answer = debug_size(p, state, size);
  *good = answer == DEBUG_GOOD;
  return answer != DEBUG_FOREIGN;
}

bool front_check_size(const void *p, size_t told) {
  if (guard_owns(p)) guard_check_size(p, told);
  else if (modes.debug) debug_check_size(p, told);
  else return false;
  return true;
}
