/*
 * resize.c: realloc, malloc_usable_size and sized free, which are given a live block; and malloc_trim.
 */
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "platform/config.h"
#include "checker_hooks.h"
#include "probe.h"
#include "front.h"
#include "large.h"
#include "slabs/legacy/legacy.h"
#include "checks/misuse.h"
#include "modes/recording.h"
#include "modes/secure/secure.h"
#include "slabs/pool/shared_pool.h"

/* The only examination of a pointer from outside. */
static struct pointer look_at(const void *p) {
  struct pointer at;
  return MODE(front) && front_find(p, &at) ? at : pointer_at(p);
}

/*
 * Whether a live block begins there; if not, reports what is wrong. `state`: which function was given the pointer. A broken header is reported and put
 * right, because the block is still in use.
 */
static bool must_live(const struct pointer *at, enum misuse_state state) {
  if (pointer_is_live(at)) {
    if (MODE(front) && pointer_is_front(at)) front_check(at);
    else if (MODE(secure) && at->kind == POINTER_BLOCK) secure_check(at);
    return true;
  }
  if (at->kind != POINTER_BLOCK) {
    misuse_pointer(at, state);
    return false;
  }
  misuse_header(at, state);
  if (at->state == BLOCK_BROKEN) header_set(at->block, header_live(at->cls));
  return at->state == BLOCK_BROKEN;
}

/* The stride of the block at `p` if it is a live small one elsewhere in its slab; else 0, and the slow path examines it. */
ALWAYS_INLINE uint32_t further_stride(const void *p) {
  const struct sll_cache *cache = sll_self;
  const int8_t code = directory_code(cache->directory, header_place(p));
  const uint32_t cls = directory_is_further(code, p) ? directory_class_by(code, p) : CLASS_NONE;
  return cls != CLASS_NONE && header_is(p, cache->live[cls]) ? class_stride(cls) : 0;
}

/* Bytes of a live block that the program may touch. */
static size_t usable_of(const struct pointer *at) {
  if (MODE(front) && pointer_is_front(at)) return at->known.requested;
  if (MODE(secure) && at->kind == POINTER_BLOCK) return secure_requested(at);
  const size_t usable = slab_usable(at->slab, at->p);
  return hub_checked ? hub_checked_size(at->p, usable) : usable;
}

static NOINLINE size_t usable_slow(const void *p) {
  const uint32_t stride = further_stride(p);
  if (stride != 0) return stride - 1;
  if (p == NULL) return 0;
  hub_hold();
  const struct pointer at = look_at(p);
  const size_t usable = must_live(&at, MISUSE_MEASURED) ? usable_of(&at) : 0;
  hub_release();
  return usable;
}

size_t alloc_usable(const void *p) {
  const size_t cls = near_class(p);
  return LIKELY(cls != CLASS_NONE) ? class_strides[cls] - 1u : usable_slow(p);
}

/* Whether a block of `usable` bytes still serves `size`: it fits, and at least half of the block is used. */
static bool stays(size_t usable, size_t size) { return size <= usable && size >= usable / 2; }

/*
 * Resizes without copying: the block stays, or the kernel moves its pages. NULL if that is not possible, or not wanted: a block that shrinks to less than half
 * moves. If it stayed, much free memory would lie behind it in pieces that few other blocks fit into.
 */
static void *resize_in_place(struct slab *slab, void *p, size_t size) {
  if (hub_checked) return NULL; /* a move lets the checker report later uses of the old pointer */
  const size_t usable = slab_usable(slab, p);
  const bool stay = stays(usable, size);
  if (slab->cls == CLASS_HUGE && (stay || size > slab->size || size > units_large_max())) {
    slab = legacy_huge_resize(slab, size);
    return slab != NULL ? slab->base : NULL;
  }
  if (slab->cls == CLASS_LARGE && size >= usable / 2 && size > SMALL_MAX && size <= units_large_max() && units_large_resize(slab, size)) return p;
  if (!stay) return NULL;
  if (slab->cls == CLASS_LARGE) slab->requested = size;
  return p;
}

/* The same for a block of a class in the secure mode. Bytes that a smaller block gives up are the filler then. */
static void *resize_secure(const struct pointer *at, size_t size) {
  if (!stays(modes_bordered(class_stride(at->cls)), size)) return NULL;
  secure_resize(at, size);
  return at->block;
}

/* Shrinks a large or huge block where it is, because there is no memory for it elsewhere. NULL: it is another block, or a checker must see it move. */
static void *shrink(const struct pointer *at, size_t size) {
  if (hub_checked) return NULL;
  struct slab *slab = at->kind == POINTER_HUGE ? legacy_huge_resize(at->slab, size) : at->kind == POINTER_LARGE ? at->slab : NULL;
  if (slab == NULL) return NULL;
  if (slab->cls == CLASS_LARGE && !units_large_resize(slab, size)) slab->requested = size; /* a run that was cut stays as long as it is */
  return slab->base;
}

/* The class row of a live block of `size` bytes. A guarded block has no slab. */
static uint32_t row_at(const void *p, size_t size) {
  const uint32_t cls = directory_class_at(p);
  if (cls != CLASS_NONE) return cls;
  const struct slab *slab = directory_slab(p);
  return slab != NULL ? slab->cls : row_of_size(size);
}

/* realloc ends, whose new block lies at `to`. `from`: the class row of the old block if that was freed. */
static void end_call(uint64_t start, const void *to, uint32_t from, size_t size, const void *frame) {
  if (HAKMEM_EVENTS) hub_call_end(start, &(struct call){CALL_realloc, row_at(to, size), from, size}, frame);
}

/* The block that the one at `p` moves to. NULL, and nothing changed, if it cannot move. */
static void *take_for(const void *p, size_t usable, size_t size, uint64_t start) {
  if (size <= SMALL_MAX) return alloc_slow(size, start);
  if (size > usable) return alloc_grown(size);
  const struct slab *slab = hub_checked ? NULL : directory_slab(p);
  return slab != NULL && slab->cls == CLASS_LARGE && slab->base == p ? alloc_shrunk(size) : alloc_slow(size, start);
}

static NOINLINE void *move_slow(void *p, size_t usable, size_t size) {
  const uint64_t start = hub_ticks_here();
  hub_call_begin();
  const uint32_t from = row_at(p, usable);
  /* Not alloc_fast: if the budget ran out, `move` has done its step already, and a second one would count a block that is not there. */
  void *moved = take_for(p, usable, size, start);
  if (moved != NULL) {
    memcpy(moved, p, min_size(usable, size));
    free_fast(p);
  }
  end_call(start, moved, moved != NULL ? from : CLASS_NONE, size, __builtin_frame_address(0));
  return moved;
}

/* Frees a block by the slow path, once its content was moved to `to`. Returns `to`. */
static NOINLINE void *free_moved(void *p, size_t usable, void *to, size_t size) {
  const uint64_t start = hub_ticks_here();
  hub_call_begin();
  const uint32_t from = row_at(p, usable);
  free_slow(p, FAMILY_MALLOC);
  end_call(start, to, from, size, __builtin_frame_address(0));
  return to;
}

/* `cls`: what near_class says of `p`. Then only the header is compared again, in case another thread frees the block meanwhile. */
ALWAYS_INLINE void *move_of(void *p, size_t cls, size_t usable, size_t size) {
  void *moved = LIKELY(size <= SMALL_MAX) ? pop_fast(class_of_size(size)) : NULL;
  if (UNLIKELY(moved == NULL)) return move_slow(p, usable, size);
  memcpy(moved, p, min_size(usable, size));
  struct sll_cache *cache = sll_self;
  const bool pushed = cls == CLASS_NONE ? push_fast(p) : header_is(p, cache->live[cls]) && push_block(cache, cls, p);
  return LIKELY(pushed) ? moved : free_moved(p, usable, moved, size);
}

static void *move(void *p, size_t usable, size_t size) { return move_of(p, CLASS_NONE, usable, size); }

static NOINLINE void *move_near(void *p, size_t cls, size_t size) { return move_of(p, cls, class_strides[cls] - 1u, size); }

/* *from: the class row of the old block if that was freed. */
static void *resize(void *p, size_t size, uint32_t *from) {
  hub_hold();
  const struct pointer at = look_at(p);
  const bool live = must_live(&at, MISUSE_REALLOCED);
  const size_t usable = live ? usable_of(&at) : 0;
  hub_release();
  if (!live) return alloc_fail();
  void *in_place = MODE(front) && pointer_is_front(&at)       ? NULL
                   : MODE(secure) && at.kind == POINTER_BLOCK ? resize_secure(&at, size)
                                                              : resize_in_place(at.slab, p, size);
  if (in_place == NULL) {
    const int saved = errno;
    void *moved = move(p, usable, size);
    if (moved != NULL) *from = at.cls;
    in_place = moved == NULL && size <= usable ? shrink(&at, size) : NULL;
    if (in_place == NULL) return moved;
    errno = saved;
  }
  if (MODE(records)) recording_resize(p, in_place, at.cls, size);
  return in_place;
}

static NOINLINE void *sample_resize(void *p, size_t size, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  void *moved = alloc_resize(p, size);
  const uint64_t ticks = hub_sample_stop(start);
  if (HAKMEM_EVENTS && ticks != 0) {
    hub_sample_end(ticks, &(struct call){CALL_realloc, directory_class_at(moved), moved != p ? directory_class_at(p) : CLASS_NONE, size});
  }
  sll_resumed();
  return moved;
}

static NOINLINE void *resize_slow(void *p, size_t size) {
  if (p == NULL) return alloc_fast(size);
  if (size == 0) {
    free_fast(p);
    return NULL;
  }
  const uint32_t stride = further_stride(p);
  if (stride != 0 && size <= PTRDIFF_MAX) return stays(stride - 1, size) ? p : move(p, stride - 1, size);
  const uint32_t sampled = sll_resume();
  if (UNLIKELY(sampled != 0)) return sample_resize(p, size, sampled <= SAMPLE_CALLS);
  if (size > PTRDIFF_MAX) return alloc_fail();
  const int saved = errno;
  uint32_t from = CLASS_NONE;
  const uint64_t start = hub_ticks_here();
  hub_call_begin();
  void *moved = resize(p, size, &from);
  end_call(start, moved != NULL ? moved : p, from, size, __builtin_frame_address(0));
  if (moved == NULL) return NULL;
  errno = saved;
  if (sll_goes_slow()) {
    EVENT(realloc, .ptr = moved, .size = size, .cls = row_at(moved, size), .stack = hub_traced_stack(), .old = p);
  }
  return moved;
}

void *alloc_resize(void *p, size_t size) {
  const size_t cls = near_class(p);
  if (UNLIKELY(cls == CLASS_NONE || size - 1 >= PTRDIFF_MAX)) return resize_slow(p, size);
  return stays(class_strides[cls] - 1u, size) ? p : move_near(p, cls, size);
}

/* Whether a live block may have been requested with this size. A block that was resized in place keeps its old class. */
static bool could_be_of(const struct pointer *at, size_t alignment, size_t size) {
  if (hub_checked || pointer_is_front(at) || (MODE(secure) && at->kind == POINTER_BLOCK)) return usable_of(at) == size;
  if (at->kind != POINTER_BLOCK) return at->slab->requested == size;
  const size_t usable = slab_usable(at->slab, at->p);
  if (stays(usable, size)) return true;
  if (size > usable) return false;
  if (at->cls >= CLASS_ALIGNED) return alignment <= MIN_ALIGN || class_of_aligned(alignment, size) == at->cls;
  return class_of_size(size) == at->cls;
}

/* False if another family is known to have allocated the block. free reports that; then the size means nothing. */
static bool may_be_made_by(const struct pointer *at, enum block_family given) {
  return !pointer_is_front(at) || at->known.family == FAMILY_UNKNOWN || at->known.family == given;
}

static NOINLINE void sample_sized(void *p, size_t size, enum block_family given, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  if (!size_fits(p, size)) {
    alloc_free_sized(p, MIN_ALIGN, size, given);
  } else if (LIKELY(push_fast(p))) {
    const uint64_t ticks = hub_sample_stop(start);
    hub_sample_end(ticks, &(struct call){CALL_free, directory_class_at(p), CLASS_NONE, size});
  } else {
    free_slow(p, given); /* not free_by: the step of the budget is done */
  }
  sll_resumed();
}

void alloc_free_sized(void *p, size_t alignment, size_t size, enum block_family given) {
  if (p == NULL) return;
  const uint32_t sampled = alignment <= MIN_ALIGN ? sll_resume() : 0; /* before the block is examined */
  if (UNLIKELY(sampled != 0)) return sample_sized(p, size, given, sampled <= SAMPLE_CALLS);
  hub_hold();
  struct pointer at = look_at(p);
  const bool live = pointer_is_live(&at);
  if (live && may_be_made_by(&at, given) && !could_be_of(&at, alignment, size)) misuse_size(&at, size);
  hub_release();
  if (live && MODE(secure)) free_slow(p, given);
  else if (live && !pointer_is_front(&at)) free_fast(p);
  else free_found(&at, given);
}

void free_sized_slow(void *p, size_t size, enum block_family given) {
  if (size_fits(p, size)) free_slow(p, given);
  else alloc_free_sized(p, MIN_ALIGN, size, given);
}

bool alloc_trim(size_t keep) {
  hub_call_begin();
  if (MODE(debug)) front_audit(UINT64_MAX);
  struct sll_cache *cache = sll_enter();
  const size_t released = sll_release_all(cache, keep);
  if (cache != NULL) sll_leave(cache);
  hub_call_none();
  return released != 0;
}
