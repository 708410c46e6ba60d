#include "front.h"

#include <string.h>

#include "checker_hooks.h"
#include "platform/config.h"
#include "modes/debug/debug.h"
#include "modes/debug/patrol.h"
#include "probe.h"
#include "modes/guard.h"
#include "modes/secure/secure.h"
#include "large.h"
#include "checks/records.h"
#include "threads/tls_budget.h"
#include "threads/tls_threads.h"

AT_START void front_start(void) {
  static bool before; /* blocks may have been allocated without the options */
  modes_resolve(hub_checked);
  const bool late = before;
  before = true;
  if (!modes.front) return;
  if (!guard_start(modes.guard_rate)) modes_without_guard();
  if (modes.debug) debug_start();
  if (modes.secure) secure_start(late);
}

/* ---- While the program runs. ---- */

/* The calling thread follows at once, the others when they next leave their slow paths. */
static void changed(void) {
  sll_settings_changed();
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return;
  cache->pace = 1; /* so that it looks at once */
  sll_leave(cache);
}

void adjust_profile(uint32_t rate) {
  if (rate != 0) __atomic_store_n(&config.profile, rate, __ATOMIC_RELAXED); /* after its end, a thread that is late still weighs its sample by the rate */
  modes_profile(rate != 0);
  changed();
}

bool adjust_guard(uint32_t rate) {
  if (rate != 0 && !guard_start(rate)) return false;
  modes_guard(rate);
  changed();
  return true;
}

void adjust_trace(bool full) {
  sll_go_slow(full || hub_checked || MODE(leaks) || MODE(debug));
  changed();
}

void front_audit(uint64_t until_ms) {
  if (modes.debug) patrol_all(until_ms);
  else guard_audit(until_ms);
}

/* ---- Guarded blocks. ---- */

struct taken front_take_guarded(struct sll_cache *cache, const struct request *r) {
  struct taken taken = {.cls = r->cls, .zeroed = !modes.debug || config.fill == 0, .recorded = true};
  if (modes.debug) patrol_allocation();
  if (modes.secure) secure_look();
  const bool wanted = modes.debug ? debug_wants_guard(r->size) : modes.secure && secure_wants_guard(r->size);
  const bool sampled = sll_take_guard(cache, r->cls);
  if (!sampled && !wanted) return taken;
  if (r->cls < CLASS_COUNT) sll_rearm(cache, r->cls);
  taken.block = guard_alloc(r->size, r->align, r->cls, sampled || modes.debug ? hub_block_stack(__builtin_frame_address(0)) : 0);
  if (taken.block == NULL) return taken;
  hub_count(r->cls, 1, 0);
  if (!modes.debug) return taken;
  if (config.fill != 0) memset(taken.block, (int)config.fill, r->size); /* its pages are zero, and not resident until they are written to */
  patrol_note_guarded(taken.block);
  return taken;
}

/* ---- The debugging mode: blocks that lie inside blocks of the core. ---- */

/* Takes a block of the core, of class row *cls. A small one gets the header `sampled`, so that only give_back can free it. */
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

/* Returns a block of the core. */
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

/* ---- The secure mode: blocks of the core with a border. ---- */

struct taken front_take_secure(struct sll_cache *cache, const struct request *r) {
  void *block = sll_take(cache, r->cls);
  if (block != NULL) secure_take(block, r->cls, r->size);
  return (struct taken){.block = block, .cls = r->cls, .zeroed = r->size <= SECURE_ZERO};
}

void front_free_secure(struct sll_cache *cache, const struct pointer *at, enum block_family given) {
  struct block *leaving = secure_free(at->slab, at->block, at->cls, given);
  if (leaving != NULL) sll_push(cache, at->cls, leaving);
}

bool front_empty_secure(struct sll_cache *cache) {
  bool any = false;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    for (struct block *block; (block = secure_next(cls)) != NULL; any = true) sll_push(cache, cls, block);
  }
  return any;
}

/* ---- All. ---- */

void front_mark(void *p, enum block_family family) {
  if (guard_owns(p)) guard_set_family(p, family);
  else if (modes.debug) record_set_family(p, family);
  else if (modes.secure) secure_set_family(p, family);
}

bool front_find(const void *p, struct pointer *at) {
  if (!guard_owns(p)) return modes.debug && debug_find(p, at);
  *at = guard_at(p);
  return true;
}

static bool free_guarded(const struct pointer *at, enum block_family given) {
  misuse_family(&at->known, given);
  const bool stackless = modes.secure && at->known.alloc_stack == 0; /* a stack would take longer than all else */
  if (!guard_free(at, stackless ? 0 : hub_block_stack(__builtin_frame_address(0)))) return false;
  hub_count(at->cls, 0, 1);
  return true;
}

void front_free(struct pointer *at, enum block_family given) {
  if (!pointer_is_live(at)) {
    misuse_pointer(at, MISUSE_LIVE);
  } else if (at->kind == POINTER_GUARDED ? free_guarded(at, given) : debug_free(at, given, give_back)) {
    if (sll_goes_slow()) EVENT(free, .ptr = at->p, .size = 0, .cls = at->cls, .stack = hub_traced_stack());
  }
}

void front_check(const struct pointer *at) {
  if (at->kind == POINTER_GUARDED) guard_check(at);
  else debug_check(at);
}
