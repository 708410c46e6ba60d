#include "alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "platform/config.h"
#include "checker_hooks.h"
#include "probe.h"
#include "front.h"
#include "large.h"
#include "checks/misuse.h"
#include "memory/os.h"
#include "reclaim.h"
#include "modes/recording.h"
#include "modes/retired.h"
#include "modes/secure/secure.h"

void *alloc_fail(void) {
  errno = ENOMEM;
  return NULL;
}

/*
 * If there are several threads, fresh zeroed memory is made resident at once. A program that reads a page before it writes to it takes two
 * page faults. The second one interrupts the processors of the other threads.
 */
static bool may_populate(size_t size) { return size <= config.populate && !__libc_single_threaded; }

/* The thread's lists for one operation; NULL if there is no memory for them. */
static struct sll_cache *enter(void) {
  struct sll_cache *cache = sll_enter();
  return cache != NULL || !reclaim_for(NULL, sizeof(*cache), RECLAIM_FREE) ? cache : sll_enter();
}

/* ---- The slow doors of an allocation. ---- */

static struct taken take_large(const struct request *r) {
  bool zeroed = false;
  const struct slab *slab = large_take(hub_with_border(r->size), r->align, r->kind, &zeroed);
  return slab != NULL ? (struct taken){.block = slab->base, .cls = slab->cls, .zeroed = zeroed} : (struct taken){.block = NULL};
}

static struct taken take(struct sll_cache *cache, const struct request *r) {
  if (UNLIKELY(MODE(debug))) return front_take_debug(cache, r);
  if (UNLIKELY(MODE(secure)) && r->cls < CLASS_COUNT) return front_take_secure(cache, r);
  return r->cls < CLASS_COUNT ? (struct taken){.block = sll_take(cache, r->cls), .cls = r->cls} : take_large(r);
}

/* Before a request is refused, idle memory is reclaimed for it. */
static struct taken take_or_reclaim(struct sll_cache *cache, const struct request *r) {
  struct taken taken = take(cache, r);
  if (r->kind == REQUEST_SHRUNK) return taken;
  const size_t needed = r->size + (r->align > UNIT_SIZE ? r->align : 0);
  for (enum reclaim_step step = RECLAIM_FREE; taken.block == NULL && step < RECLAIM_STEPS; step++) {
    const bool emptied = MODE(secure) && cache != NULL && front_empty_secure(cache);
    if (reclaim_for(cache, needed, step) || emptied) taken = take(cache, r);
  }
  return taken;
}

static void make_zero(void *block, size_t size, bool zeroed) {
  if (!zeroed || hub_checked) memset(block, 0, size); /* if a checker watches, it must see the write */
  else if (may_populate(size)) os_populate(block, size);
}

/* `cache` is NULL if there is no memory for the thread's lists; a large block needs none. */
static struct taken serve(struct sll_cache *cache, const struct request *r) {
  if (cache == NULL) return r->cls < CLASS_COUNT || MODE(debug) ? (struct taken){.block = NULL} : take_or_reclaim(cache, r);
  if (r->cls < CLASS_COUNT) sll_publish(cache, r->cls);
  if (UNLIKELY(MODE(front))) {
    const struct taken guarded = front_take_guarded(cache, r);
    if (guarded.block != NULL) return guarded;
  }
  const size_t sampled = sll_take_profile(cache, r->cls, r->size);
  struct taken taken = take_or_reclaim(cache, r);
  taken.sampled = sampled;
  return taken;
}

/* The only way to a block that is not popped on the fast path: it is found, recorded, zeroed, and its event is raised. */
static void *allocate(const struct request *r) {
  if (r->size > PTRDIFF_MAX) return alloc_fail();
  hub_call_begin();
  const int saved = errno;
  struct sll_cache *cache = enter();
  const struct taken taken = serve(cache, r);
  if (LIKELY(taken.block != NULL)) {
    hub_request(taken.cls, r->size);
    if (MODE(records) && !taken.recorded) recording_alloc(taken.block, taken.cls, r->size, taken.sampled, __builtin_frame_address(0));
    if (sll_goes_slow()) EVENT(alloc, .ptr = taken.block, .size = r->size, .cls = taken.cls, .stack = hub_traced_stack());
    if (r->kind == REQUEST_ZEROED) make_zero(taken.block, r->size, taken.zeroed && (r->cls >= CLASS_COUNT || MODE(secure)));
  }
  if (LIKELY(cache != NULL)) sll_leave(cache);
  const uint32_t row = taken.block != NULL ? taken.cls : r->cls;
  hub_call_end(r->start, &(struct call){r->call, row, CLASS_NONE, r->size}, __builtin_frame_address(0));
  if (UNLIKELY(taken.block == NULL)) return alloc_fail();
  errno = saved;
  return taken.block;
}

/* A request that no class serves. */
static NOINLINE void *alloc_large(size_t size, size_t align, enum request_kind kind, enum call_kind call, uint64_t start) {
  alloc_prepare();
  return allocate(&(struct request){size, align, size <= units_large_max() ? CLASS_LARGE : CLASS_HUGE, kind, call, start});
}

/* The bytes that a small block of `size` bytes needs, with the border of a checker or of the secure mode. */
static size_t with_borders(size_t size) { return UNLIKELY(MODE(secure)) ? size + (size <= SMALL_MAX ? SECURE_BORDER : 0) : hub_with_border(size); }

static void *alloc_plain(size_t size, enum request_kind kind, enum call_kind call, uint64_t start) {
  alloc_prepare(); /* decides whether blocks have borders */
  const size_t with_border = with_borders(size);
  if (with_border > SMALL_MAX) return alloc_large(size, MIN_ALIGN, kind, call, start);
  return allocate(&(struct request){size, MIN_ALIGN, class_of_size(with_border), kind, call, start});
}

void *alloc_grown(size_t size) { return alloc_large(size, MIN_ALIGN, REQUEST_GROWN, CALL_realloc, hub_ticks_here()); }
void *alloc_shrunk(size_t size) { return alloc_large(size, MIN_ALIGN, REQUEST_SHRUNK, CALL_realloc, hub_ticks_here()); }

/* ---- The secure mode's way through the lists: as on the fast paths, between its checks. NULL, or false: take the slow path. ---- */

static void *secure_alloc(size_t size) {
  struct sll_cache *cache = sll_own();
  if (cache == NULL || size == 0 || size > SMALL_MAX - SECURE_BORDER) return NULL;
  secure_look();
  const uint32_t cls = class_of_size(size + SECURE_BORDER);
  struct block *block = pop_block(cache, cls);
  if (block != NULL) secure_take(block, cls, size);
  return block;
}

static bool secure_release(void *p, enum block_family given) {
  struct sll_cache *cache = sll_own();
  const int8_t code = directory_code(&directory, header_place(p));
  if (cache == NULL || code <= 0 || config.lookup != STRATEGY_DIRECTORY || sll_goes_slow()) return false;
  const uint32_t cls = (uint32_t)code - 1;
  if (!is_live_of(cache, cls, p)) return false;
  struct block *leaving = secure_free(directory_slab(p), p, cls, given);
  if (leaving == NULL || push_block(cache, cls, leaving)) return true;
  sll_hold(cache);
  sll_push(cache, cls, leaving);
  sll_leave(cache);
  return true;
}

/* ---- The slow doors of malloc, calloc and aligned_alloc. A call that is to be timed on the fast path comes here first: see sll_resume. ---- */

static NOINLINE void *sample_alloc(size_t size, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  void *block = alloc_fast(size);
  const uint64_t ticks = hub_sample_stop(start);
  hub_sample_end(ticks, &(struct call){CALL_malloc, size <= SMALL_MAX ? class_of_size(size) : CLASS_NONE, CLASS_NONE, size});
  sll_resumed();
  return block;
}

void *alloc_slow(size_t size, uint64_t start) {
  void *block = UNLIKELY(MODE(secure)) ? secure_alloc(size) : NULL;
  if (block != NULL) return block;
  const uint32_t sampled = sll_resume();
  return UNLIKELY(sampled != 0) ? sample_alloc(size, sampled <= SAMPLE_CALLS) : alloc_plain(size, REQUEST_PLAIN, CALL_malloc, start);
}

static NOINLINE void *sample_zeroed(size_t size, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  void *block = alloc_zeroed(1, size);
  const uint64_t ticks = hub_sample_stop(start);
  hub_sample_end(ticks, &(struct call){CALL_calloc, class_of_size(size), CLASS_NONE, size});
  sll_resumed();
  return block;
}

static NOINLINE void *zeroed_slow(size_t size, uint64_t start) {
  void *block = UNLIKELY(MODE(secure)) && size <= SECURE_ZERO ? secure_alloc(size) : NULL;
  if (block != NULL) return block;
  const uint32_t sampled = sll_resume();
  return UNLIKELY(sampled != 0) ? sample_zeroed(size, sampled <= SAMPLE_CALLS) : alloc_plain(size, REQUEST_ZEROED, CALL_calloc, start);
}

void *alloc_zeroed(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return alloc_fail();
  if (total > SMALL_MAX) return alloc_large(total, MIN_ALIGN, REQUEST_ZEROED, CALL_calloc, hub_ticks_here());
  void *block = pop_fast(class_of_size(total));
  return LIKELY(block != NULL) ? memset(block, 0, total) : zeroed_slow(total, hub_ticks_here());
}

static NOINLINE void *sample_aligned(uint32_t cls, size_t size, size_t align, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  void *block = alloc_aligned(align, size);
  const uint64_t ticks = hub_sample_stop(start);
  hub_sample_end(ticks, &(struct call){CALL_aligned, cls, CLASS_NONE, size});
  sll_resumed();
  return block;
}

static NOINLINE void *aligned_slow(size_t size, size_t align, uint64_t start) {
  if (size > PTRDIFF_MAX || align > PTRDIFF_MAX) return alloc_fail();
  const bool plain = align <= MIN_ALIGN;
  const size_t with_border = with_borders(size);
  const bool large = plain ? size > SMALL_MAX : (with_border | (align - 1)) >= ALIGNED_MAX;
  if (large) return alloc_large(size, plain ? MIN_ALIGN : align, REQUEST_PLAIN, CALL_aligned, start);
  const uint32_t cls = plain ? class_of_size(size) : class_of_aligned(align, with_border);
  const uint32_t sampled = sll_resume();
  if (UNLIKELY(sampled != 0)) return sample_aligned(cls, size, align, sampled <= SAMPLE_CALLS);
  if (plain) return alloc_plain(size, REQUEST_PLAIN, CALL_aligned, start);
  alloc_prepare();
  return allocate(&(struct request){size, align, cls, REQUEST_PLAIN, CALL_aligned, start});
}

/* A border for a checker is added in the slow path: if a checker watches, no block is popped here. */
void *alloc_aligned(size_t alignment, size_t size) {
  if (UNLIKELY((size | (alignment - 1)) >= ALIGNED_MAX)) return aligned_slow(size, alignment, hub_ticks_here());
  struct block *block = pop_fast(alignment <= MIN_ALIGN ? class_of_size(size) : class_of_aligned(alignment, size));
  return LIKELY(block != NULL) ? block : aligned_slow(size, alignment, hub_ticks_here());
}

/* ---- The slow door of free. ---- */

/* The slab of `p`, by the configured strategy; timed if a sample is due. */
static struct slab *look_up(struct sll_cache *cache, const void *p) {
  uint32_t probes = 1;
  if (!sll_take_sample(cache)) {
    return config.lookup == STRATEGY_DIRECTORY ? directory_slab(p) : directory_lookup(p, config.lookup, &probes);
  }
  const uint64_t start = hub_ticks_fenced();
  struct slab *slab = directory_lookup(p, config.lookup, &probes);
  const uint64_t ticks = hub_ticks_since(start);
  EVENT(superslab_lookup, .ptr = p, .cls = slab != NULL ? slab->cls : CLASS_NONE,
        .result = slab == NULL         ? LOOKUP_FOREIGN
                  : slab->home != NULL ? LOOKUP_HIT
                                       : LOOKUP_LEGACY,
        .strategy = (enum lookup_strategy)config.lookup, .probes = probes, .ticks = ticks);
  (void)ticks;
  return slab;
}

/* Frees a block of a class. A broken header is reported, and the block never handed out again. A block that is free already is reported and not touched. */
static void small_free(struct sll_cache *cache, const struct pointer *at, enum block_family given) {
  void *const p = at->block;
  const uint32_t cls = at->cls;
  const bool good = at->state == BLOCK_LIVE;
  if (at->state == BLOCK_BROKEN) header_set(p, HEADER_FREE);
  if (!good) misuse_header(at, MISUSE_LIVE);
  if (at->state == BLOCK_FREE) return;
  if (good && MODE(records)) recording_free(p, cls);
  const bool secure = good && MODE(secure);
  if (!secure) header_set(p, HEADER_FREE);
  if (sll_goes_slow()) EVENT(free, .ptr = p, .size = class_stride(cls) - 1, .cls = cls, .stack = hub_traced_stack());
  if (secure) return front_free_secure(cache, at, given);
  if (good && !hub_checked) {
    sll_push(cache, cls, p);
    return;
  }
  sll_abandon(cache, cls);
  if (good && hub_checked) retired_put(cls, p, sll_return_blocks);
}

static void free_by_kind(struct sll_cache *cache, const struct pointer *at, enum block_family given) {
  if (at->kind == POINTER_BLOCK) {
    small_free(cache, at, given);
  } else if (at->kind == POINTER_LARGE || at->kind == POINTER_HUGE) {
    if (sll_goes_slow()) EVENT(free, .ptr = at->p, .size = at->slab->requested, .cls = at->cls, .stack = hub_traced_stack());
    large_give(at->slab);
  } else {
    misuse_pointer(at, MISUSE_LIVE);
  }
}

/* Frees a live small block whose place in the slab is one that the fast path leaves to the slow path (directory_is_further). */
ALWAYS_INLINE bool free_further(struct sll_cache *cache, void *p) {
  const int8_t code = directory_code(cache->directory, header_place(p));
  if (!directory_is_further(code, p)) return false;
  const uint32_t cls = directory_class_by(code, p);
  return cls != CLASS_NONE && header_is(p, cache->live[cls]) && push_block(cache, cls, p);
}

/* Frees a live small block that is in order: it came here only because its list's budget ran out. The thread's directory is not blind. */
static bool free_plain(struct sll_cache *cache, uint32_t cls, void *p) {
  if (cls == CLASS_NONE || MODE(debug) || !header_is(p, cache->live[cls])) return false;
  sll_hold(cache);
  header_set(p, HEADER_FREE);
  sll_push(cache, cls, p);
  sll_leave(cache);
  return true;
}

/*
 * Releases the record of a sample, which then is a block like any other. False if the block is not a sample, or if a mode or a checker must see every free.
 */
static bool give_up_sample(const struct sll_cache *cache, uint32_t cls, void *p) {
  if (cls == CLASS_NONE || cache->directory != &directory || MODE(debug) || sll_goes_slow()) return false; /* a checker must not see the next read */
  if (!MODE(records) || !header_is_sampled(p, cls) || !recording_free_sample(p)) return false;
  header_set(p, cache->live[cls]);
  return true;
}

/* Two functions, not one: each has a struct pointer on the stack, and stacks may be small. */
/* Both set *row to the class row of the block. */
static NOINLINE bool free_front(void *p, enum block_family given, uint32_t *row) {
  struct pointer at;
  if (!front_find(p, &at)) return false;
  *row = at.cls;
  front_free(&at, given);
  return true;
}

static NOINLINE void free_core(void *p, enum block_family given, uint32_t *row) {
  alloc_prepare();
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return; /* no memory for this thread's lists: the block is lost, and the program continues */
  const struct pointer at = pointer_in(look_up(cache, p), p);
  *row = at.cls;
  free_by_kind(cache, &at, given);
  sll_leave(cache);
}

/* A free that is more than a renewed budget. `row`: what directory_class_at says. `given`: the family of the function that was called. */
static NOINLINE void free_whole(void *p, enum block_family given, uint32_t row, uint64_t start) {
  const int saved = errno;
  hub_call_begin();
  if (give_up_sample(sll_self, row, p)) free_fast(p);
  else if (!MODE(front) || !free_front(p, given, &row)) free_core(p, given, &row);
  hub_call_end(start, &(struct call){CALL_free, row, CLASS_NONE, 0}, __builtin_frame_address(0));
  errno = saved;
}

static NOINLINE void sample_free(void *p, enum block_family given, bool timed);

/* The thread's directory is blind: it has no lists yet, or a look-up or a call is to be timed, or a mode must see every free. */
static NOINLINE void free_blind(void *p, enum block_family given, uint64_t start) {
  const uint32_t sampled = sll_resume();
  if (UNLIKELY(sampled != 0)) sample_free(p, given, sampled <= SAMPLE_CALLS);
  else free_whole(p, given, directory_class_at(p), start);
}

void free_spent(void *p, enum block_family given, uint64_t start) {
  const int saved = errno;
  const uint32_t row = directory_class_at(p);
  if (!free_plain(sll_self, row, p)) return free_whole(p, given, row, start);
  const struct call call = {CALL_free, row, CLASS_NONE, 0};
  if (HAKMEM_EVENTS && UNLIKELY(hub_call_staged)) hub_call_end_staged(start, &call, __builtin_frame_address(0));
  else hub_call_end_plain(start, &call);
  errno = saved;
}

/* Frees any pointer except NULL. */
static NOINLINE void free_any(void *p, enum block_family given) {
  const uint64_t start = hub_ticks_here();
  if (UNLIKELY(sll_self->directory != &directory)) free_blind(p, given, start);
  else free_spent(p, given, start);
}

static NOINLINE void sample_free(void *p, enum block_family given, bool timed) {
  const uint64_t start = hub_sample_begin(timed);
  if (LIKELY(push_fast(p) || free_further(sll_self, p))) {
    const uint64_t ticks = hub_sample_stop(start);
    hub_sample_end(ticks, &(struct call){CALL_free, directory_class_at(p), CLASS_NONE, 0});
  } else {
    free_any(p, given);
  }
  sll_resumed();
}

void free_slow(void *p, enum block_family given) {
  if (UNLIKELY(MODE(secure)) && secure_release(p, given)) return;
  if (p != NULL && !free_further(sll_self, p)) free_any(p, given);
}

void free_found(struct pointer *at, enum block_family given) {
  const int saved = errno;
  const uint64_t start = hub_ticks_here();
  hub_call_begin();
  if (MODE(front) && pointer_is_front(at)) {
    front_free(at, given);
  } else {
    alloc_prepare();
    struct sll_cache *cache = sll_enter();
    if (cache != NULL) {
      free_by_kind(cache, at, given);
      sll_leave(cache);
    }
  }
  hub_call_end(start, &(struct call){CALL_free, at->cls, CLASS_NONE, 0}, __builtin_frame_address(0));
  errno = saved;
}
