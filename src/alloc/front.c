#include "front.h"

#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "platform/config.h"
#include "modes/debug.h"
#include "probe.h"
#include "modes/guard.h"
#include "large.h"
#include "reclaim.h"
#include "checks/records.h"

/* ---- Guarded blocks. ---- */

void *front_guarded(struct sll_cache *cache, uint32_t cls, size_t size, size_t align) {
  if (LIKELY(!sll_take_guard(cache, cls)) && !debug_wants_guard(size)) return NULL;
  if (cls < CLASS_COUNT) sll_rearm(cache, cls);
  void *block = guard_alloc(size, align, cls, hub_block_stack(__builtin_frame_address(0)));
  if (block == NULL) return NULL;
  hub_count(cls, 1, 0);
  hub_request(cls, size);
  if (sll_goes_slow()) EVENT(alloc, .ptr = block, .size = size, .cls = cls, .stack = hub_traced_stack());
  return block;
}

/* Of a live block. False after a report. */
static bool look_at_family(void *p, enum block_family given) {
  struct record known;
  const bool guarded = guard_owns(p);
  if (guarded ? !guard_find(p, &known) || known.block != p : !debug_on() || !record_get(p, &known)) return true;
  return !HAKMEM_EVENTS || known.freed || misuse_family(&known, given); /* a build without events, not optimised, has no such function */
}

void front_mark(void *p, enum block_family family) {
  if (guard_owns(p)) guard_set_family(p, family);
  else if (debug_on()) record_set_family(p, family);
}

bool front_given(void *p, enum block_family family) {
  if (!guard_owns(p) && !debug_on()) return true;
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

#if HAKMEM_EVENTS

static void *try_inner(struct sll_cache *cache, size_t size, size_t align) {
  if ((size | (align - 1)) >= ALIGNED_MAX) {
    bool zeroed;
    struct slab *slab = large_take(size, false, align, &zeroed);
    if (slab != NULL) hub_count(slab->cls, 1, 0), slab->redzone = true;
    return slab != NULL ? slab->base : NULL;
  }
  const uint32_t cls = align <= MIN_ALIGN ? class_of_size(size) : class_of_aligned(align, size);
  sll_publish(cache, cls);
  struct block *inner = sll_take(cache, cls);
  if (inner != NULL) header_set(inner, header_sampled(cls));
  return inner;
}

static void give_back(void *inner);

/* A block of the core's; small ones have the header `sampled`, so that nobody can free them but give_back. */
static void *take_inner(struct sll_cache *cache, size_t size, size_t align) {
  void *inner = try_inner(cache, size, align);
  if (inner != NULL) return inner;
  if (debug_empty_quarantine(give_back)) inner = try_inner(cache, size, align);
  for (enum reclaim_step step = RECLAIM_FREE; inner == NULL && step < RECLAIM_STEPS; step++) {
    if (reclaim_for(cache, size, step)) inner = try_inner(cache, size, align);
  }
  return inner;
}

/* Gives a block of the core's back. */
static void give_back(void *inner) {
  struct slab *slab = directory_slab(inner);
  if (slab->cls >= CLASS_COUNT) return large_give(slab);
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return;
  const uint8_t got = header_get(inner);
  header_set(inner, HEADER_FREE);
  if (got == header_sampled(slab->cls)) {
    sll_push(cache, slab->cls, inner);
  } else {
    sll_abandon(cache, slab->cls);
    misuse_header(slab, inner, got, MISUSE_LIVE);
  }
  sll_leave(cache);
}

void *front_debug(size_t size, size_t align) {
  const int saved = errno;
  const size_t inner_size = size <= PTRDIFF_MAX ? debug_inner_size(size, align) : 0;
  struct sll_cache *cache = inner_size != 0 ? sll_enter() : NULL;
  if (cache == NULL) return alloc_fail();
  if (size <= SMALL_MAX) sll_publish(cache, class_of_size(size)); /* the fast path counted a pop that is not to come */
  void *block = front_guarded(cache, row_of_size(size), size, align);
  if (block != NULL) {
    memset(block, (int)config.fill, size);
  } else {
    void *inner = take_inner(cache, inner_size, debug_inner_align(align));
    block = inner != NULL ? debug_take(inner, size, align) : NULL;
    if (block == NULL && inner != NULL) give_back(inner);
    if (block != NULL && sll_goes_slow()) {
      EVENT(alloc, .ptr = block, .size = size, .cls = row_of_size(size), .stack = hub_traced_stack());
    }
  }
  sll_leave(cache);
  if (block == NULL) return alloc_fail();
  errno = saved;
  return block;
}

/* Whether `p` was a block of this mode's, or is reported. */
static bool debug_freed(void *p) {
  const enum debug_answer answer = debug_free(p, give_back);
  if (answer == DEBUG_GOOD) EVENT(free, .ptr = p, .size = 0, .cls = CLASS_NONE, .stack = hub_traced_stack());
  return answer != DEBUG_FOREIGN;
}

#else
void *front_debug(size_t size, size_t align) { (void)size, (void)align; return NULL; }
static bool debug_freed(void *p) { (void)p; return false; }
#endif

/* ---- Both. ---- */

bool front_free(void *p) {
  if (guard_owns(p)) {
    free_guarded(p);
    return true;
  }
  return debug_on() && debug_freed(p);
}

bool front_size(const void *p, enum misuse_state state, size_t *size, bool *good) {
  *size = 0;
  *good = false;
  if (guard_owns(p)) {
    *good = guard_size(p, state, size);
    return true;
  }
#if HAKMEM_EVENTS
  if (debug_on()) {
    const enum debug_answer answer = debug_size(p, state, size);
    *good = answer == DEBUG_GOOD;
    return answer != DEBUG_FOREIGN;
  }
#endif
  return false;
}

bool front_check_size(const void *p, size_t told) {
  if (guard_owns(p)) {
    guard_check_size(p, told);
    return true;
  }
#if HAKMEM_EVENTS
  if (debug_on()) debug_check_size(p, told);
#endif
  return debug_on();
}
