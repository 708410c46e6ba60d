#include "alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "platform/config.h"
#include "modes/debug.h"
#include "checker_hooks.h"
#include "probe.h"
#include "front.h"
#include "large.h"
#include "checks/misuse.h"
#include "memory/os.h"
#include "modes/quarantine.h"
#include "reclaim.h"
#include "modes/recording.h"

void *alloc_fail(void) {
  errno = ENOMEM;
  return NULL;
}

/*
 * Fresh zeroed memory is not left to page faults where there are several threads: a program that reads a page before it writes to it takes two of
 * them, and the second one interrupts the processors of the other threads.
 */
static bool may_populate(size_t size) { return size <= config.populate && !__libc_single_threaded; }

/* The thread's lists for one operation; NULL if there is no memory for them. */
static struct sll_cache *enter(void) {
  struct sll_cache *cache = sll_enter();
  return cache != NULL || !reclaim_for(NULL, sizeof(*cache), RECLAIM_FREE) ? cache : sll_enter();
}

/* A block of its own run or mapping; `zero`: it must read as zero. `grown`: see large_take. */
static void *large_alloc(size_t size, bool grown, size_t align, bool zero) {
  if (size > PTRDIFF_MAX) return alloc_fail();
  const int saved = errno;
  struct sll_cache *cache = enter();
  void *guarded = cache != NULL ? front_guarded(cache, size <= units_large_max() ? CLASS_LARGE : CLASS_HUGE, size, align) : NULL;
  if (guarded != NULL) {
    sll_leave(cache);
    errno = saved;
    return guarded;
  }
  const size_t sampled = cache != NULL ? sll_take_profile(cache, CLASS_LARGE, size) : 0;
  bool zeroed = false;
  struct slab *slab = large_take(hub_with_border(size), grown, align, &zeroed);
  const size_t needed = size + (align > UNIT_SIZE ? align : 0);
  for (enum reclaim_step step = RECLAIM_FREE; slab == NULL && step < RECLAIM_STEPS; step++) {
    if (reclaim_for(cache, needed, step)) slab = large_take(hub_with_border(size), grown, align, &zeroed);
  }
  if (slab == NULL) {
    if (cache != NULL) sll_leave(cache);
    return alloc_fail();
  }
  void *block = slab->base;
  const uint32_t cls = slab->cls;
  hub_count(cls, 1, 0);
  hub_request(cls, size);
  recording_alloc(block, cls, size, sampled, __builtin_frame_address(0));
  if (sll_goes_slow()) EVENT(alloc, .ptr = block, .size = size, .cls = cls, .stack = hub_traced_stack());
  if (zero && (!zeroed || hub_checked)) memset(block, 0, size); /* a checker sees that it was written to */
  else if (zero && may_populate(size)) os_populate(block, size);
  if (cache != NULL) sll_leave(cache);
  errno = saved;
  return block;
}

/* ---- The slow doors. ---- */

void *alloc_slow(size_t size) {
  alloc_prepare();
  if (debug_on()) return front_debug(size, MIN_ALIGN);
  const size_t with_border = hub_with_border(size);
  if (with_border <= SMALL_MAX) return alloc_slow_class(class_of_size(with_border), size, MIN_ALIGN);
  return large_alloc(size, false, MIN_ALIGN, false);
}

void *alloc_grown(size_t size) {
  alloc_prepare();
  if (debug_on() || size <= SMALL_MAX) return alloc_fast(size);
  return large_alloc(size, true, MIN_ALIGN, false);
}

void *alloc_slow_class(uint32_t cls, size_t size, size_t align) {
  const int saved = errno;
  alloc_prepare();
  struct sll_cache *cache = enter();
  if (cache == NULL) return alloc_fail();
  sll_publish(cache, cls);
  void *guarded = front_guarded(cache, cls, size, align);
  if (guarded != NULL) {
    sll_leave(cache);
    errno = saved;
    return guarded;
  }
  const size_t sampled = sll_take_profile(cache, cls, size);
  struct block *block = sll_take(cache, cls);
  for (enum reclaim_step step = RECLAIM_FREE; block == NULL && step < RECLAIM_STEPS; step++) {
    if (reclaim_for(cache, class_stride(cls), step)) block = sll_take(cache, cls);
  }
  if (block == NULL) {
    sll_leave(cache);
    return alloc_fail();
  }
  hub_request(cls, size);
  recording_alloc(block, cls, size, sampled, __builtin_frame_address(0));
  if (sll_goes_slow()) EVENT(alloc, .ptr = block, .size = size, .cls = cls, .stack = hub_traced_stack());
  sll_leave(cache);
  errno = saved;
  return block;
}

/* The slab of `p`, by the strategy in force; timed where a sample is due. */
static struct slab *look_up(struct sll_cache *cache, const void *p) {
  uint32_t probes = 1;
  if (!sll_take_sample(cache)) {
    return config.lookup == STRATEGY_DIRECTORY ? directory_slab(p) : directory_lookup(p, config.lookup, &probes);
  }
  const uint64_t start = hub_ticks_fenced();
  struct slab *slab = directory_lookup(p, config.lookup, &probes);
  const uint64_t ticks = hub_ticks_since(start);
  EVENT(superslab_lookup, .ptr = p, .cls = slab != NULL ? slab->cls : CLASS_NONE,
        .result = slab == NULL ? LOOKUP_FOREIGN : slab->home != NULL ? LOOKUP_HIT : LOOKUP_LEGACY,
        .strategy = (enum lookup_strategy)config.lookup, .probes = probes, .ticks = ticks);
  (void)ticks;
  return slab;
}

/*
 * Whether `p` is a live small block; else what is wrong with it is reported. *abandon: its header was put right, but it must not be
 * handed out again.
 */
static bool may_free(const struct slab *slab, void *p, bool *abandon) {
  *abandon = false;
  if (slab_block_of(slab, p) != p) {
    misuse_pointer(slab, p, MISUSE_LIVE);
    return false;
  }
#if HAKMEM_EVENTS
  const uint8_t got = header_get(p);
  if (debug_on() && got == header_sampled(slab->cls)) { /* a block's redzone */
    misuse_pointer(slab, p, MISUSE_LIVE);
    return false;
  }
  if (header_says_live(got, slab->cls)) return true;
  if (slab_lost_block(slab, p)) {
    misuse_pointer(slab, p, MISUSE_LIVE);
    return false;
  }
  if (got != HEADER_FREE) {
    header_set(p, HEADER_FREE);
    *abandon = true;
  }
  misuse_header(slab, p, got, MISUSE_LIVE);
  return false;
#else
  return true;
#endif
}

static void small_free(struct sll_cache *cache, const struct slab *slab, void *p) {
  bool abandon;
  const uint32_t cls = slab->cls;
  const bool good = may_free(slab, p, &abandon);
  if (!good && !abandon) return;
  if (good) recording_free(p, cls);
  header_set(p, HEADER_FREE);
  if (sll_goes_slow()) EVENT(free, .ptr = p, .size = class_stride(cls) - 1, .cls = cls, .stack = hub_traced_stack());
  if (good && !hub_checked) {
    sll_push(cache, cls, p);
    return;
  }
  sll_abandon(cache, cls);
  if (good) quarantine_put(cls, p);
}

/* Frees a live small block that the fast path did not look at closer, because of the place where it lies. */
ALWAYS_INLINE bool free_further(struct sll_cache *cache, void *p) {
  const int8_t code = directory_code(cache->directory, header_place(p));
  if (!directory_is_further(code, p)) return false;
  const uint32_t cls = directory_class_by(code, p);
  return cls != CLASS_NONE && header_is(p, cache->live[cls]) && push_block(cache, cls, p);
}

/* Frees a live small block with which nothing is the matter: its list's budget ran out. */
static bool free_plain(struct sll_cache *cache, uint32_t cls, void *p) {
  if (cls == CLASS_NONE || cache->directory != &directory || debug_on() || !header_is(p, cache->live[cls])) return false;
  sll_hold(cache);
  header_set(p, HEADER_FREE);
  sll_push(cache, cls, p);
  sll_leave(cache);
  return true;
}

/*
 * A sample gives its record up, and is a block like any other then. False where that is not so, and for whoever wants to see every free.
 */
static bool give_up_sample(const struct sll_cache *cache, uint32_t cls, void *p) {
  if (cls == CLASS_NONE || cache->directory != &directory || debug_on() || sll_goes_slow()) return false; /* a checker must not see the next read */
  if (!header_is_sampled(p, cls) || !recording_free_sample(p)) return false;
  header_set(p, cache->live[cls]);
  return true;
}

/* Any pointer but NULL. */
static NOINLINE void free_any(void *p) {
  struct sll_cache *cache = sll_self;
  const int saved = errno;
  const uint32_t cls = directory_class_at(p);
  if (LIKELY(free_plain(cache, cls, p))) {
    errno = saved;
    return;
  }
  if (give_up_sample(cache, cls, p)) return free_fast(p);
  if (front_free(p)) {
    errno = saved;
    return;
  }
  alloc_prepare();
  cache = sll_enter();
  if (cache == NULL) return; /* no memory for this thread's lists: the block is lost, the program goes on */
  struct slab *slab = look_up(cache, p);
  if (slab == NULL || (slab->cls >= CLASS_COUNT && (p != slab->base || slab->redzone))) {
    misuse_pointer(slab, p, MISUSE_LIVE);
  } else if (slab->cls >= CLASS_COUNT) {
    if (sll_goes_slow()) EVENT(free, .ptr = p, .size = slab->requested, .cls = slab->cls, .stack = hub_traced_stack());
    large_give(slab);
  } else {
    small_free(cache, slab, p);
  }
  sll_leave(cache);
  errno = saved;
}

void free_slow(void *p) {
  if (p != NULL && !free_further(sll_self, p)) free_any(p);
}

/* ---- Zeroed, and aligned. ---- */

void *alloc_zeroed(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return alloc_fail();
  if (total > SMALL_MAX && !debug_on()) {
    alloc_prepare();
    return large_alloc(total, false, MIN_ALIGN, true);
  }
  void *block = alloc_fast(total);
  return block != NULL ? memset(block, 0, total) : NULL;
}

void *alloc_aligned(size_t alignment, size_t size) {
  if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX) return alloc_fail();
  if (alignment <= MIN_ALIGN) return alloc_fast(size);
  if (debug_on()) return front_debug(size, alignment);
  const size_t with_border = hub_with_border(size);
  if ((with_border | (alignment - 1)) >= ALIGNED_MAX) {
    alloc_prepare();
    return large_alloc(size, false, alignment, false);
  }
  const uint32_t cls = class_of_aligned(alignment, with_border);
  struct block *block = pop_fast(cls);
  return LIKELY(block != NULL) ? block : alloc_slow_class(cls, size, alignment);
}
