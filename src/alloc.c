#include "alloc.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "debug.h"
#include "events.h"
#include "guard.h"
#include "legacy.h"
#include "misuse.h"
#include "os.h"
#include "quarantine.h"
#include "recording.h"
#include "records.h"
#include "shared_fail.h"
#include "shared_pool.h"

void *alloc_fail(void) {
  errno = ENOMEM;
  return NULL;
}

/* ---- Start and fork. ---- */

static void fork_prepare(void) {
  hub_fork_prepare();
  quarantine_fork_prepare();
  sll_fork_prepare();
  guard_fork_prepare();
  pool_fork_prepare();
  legacy_fork_prepare();
  directory_fork_prepare();
  debug_fork_prepare();
  record_fork_prepare();
  os_fork_prepare();
}

static void fork_parent(void) {
  os_fork_release();
  record_fork_release();
  debug_fork_release();
  directory_fork_release();
  legacy_fork_release();
  pool_fork_release();
  guard_fork_release();
  sll_fork_release();
  quarantine_fork_release();
  hub_fork_parent();
}

static void fork_child(void) {
  os_fork_child();
  record_fork_child();
  debug_fork_child();
  directory_fork_child();
  legacy_fork_child();
  pool_fork_child();
  guard_fork_child();
  sll_fork_child();
  quarantine_fork_child();
  hub_fork_child();
}

static bool options_read, started;

/*
 * Before the first block is made, so that every SuperSlab has the size that was asked for, and every thread's lists are taken over. One
 * thread exists then, and other libraries' constructors may still run before ours: they may start threads, and fork. Where the C
 * library has no environment yet, the next one to come tries again.
 */
static void read_options(void) {
  if (options_read) return;
  static bool registered;
  if (!registered) {
    registered = true;
    sll_start();
    pthread_atfork(fork_prepare, fork_parent, fork_child);
  }
  options_read = config_read();
  const bool checked = hub_check();
  sll_go_slow(config.trace != 0 || checked || recording_all() || debug_on());
  guard_start();
  debug_start();
}

/* What opens files and libraries must not run within a malloc of the loader's: a constructor does it, ours or that of a tracer. */
void alloc_start(void) {
  if (started) return;
  started = true;
  read_options();
  if (config.help != 0) config_print(STDERR_FILENO);
  hub_start();
}

__attribute__((constructor(101))) static void start(void) { alloc_start(); }

__attribute__((destructor(101))) static void stop(void) {
  if (debug_on()) debug_audit();
  guard_audit();
  hub_stop();
}

/* ---- Guarded blocks. ---- */

/* The class row that an allocation of `size` bytes is counted in. */
static uint32_t row_of_size(size_t size) {
  return size <= SMALL_MAX ? class_of_size(size) : size <= pool_large_max() ? CLASS_LARGE : CLASS_HUGE;
}

/* A guarded block, NULL where the allocation is not to be guarded or cannot be. */
static void *guarded_alloc(struct sll_cache *cache, uint32_t cls, size_t size, size_t align) {
  if (LIKELY(!sll_take_guard(cache, cls)) && !debug_wants_guard(size)) return NULL;
  if (cls < CLASS_COUNT) sll_rearm(cache, cls);
  void *block = guard_alloc(size, align, cls, hub_block_stack());
  if (block == NULL) return NULL;
  hub_count(cls, 1, 0);
  hub_request(cls, size);
  if (sll_goes_slow()) EVENT(alloc, .ptr = block, .size = size, .cls = cls, .stack = hub_traced_stack());
  return block;
}

static void guarded_free(void *p) {
  const uint32_t cls = guard_free(p, hub_block_stack());
  if (cls == CLASS_NONE) return;
  hub_count(cls, 0, 1);
  if (sll_goes_slow()) EVENT(free, .ptr = p, .size = 0, .cls = cls, .stack = hub_traced_stack());
}

/* ---- The debugging mode: blocks that lie in blocks of the core's. ---- */

#if HAKMEM_EVENTS

/* A live block of class `cls`, whose counts were brought in; NULL where there is no memory. */
static struct block *take_block(struct sll_cache *cache, uint32_t cls);
static struct slab *large_slab(size_t size, size_t align, bool *zeroed);
static void large_free(struct slab *slab);

/* A block of the core's; small ones have the header `sampled`, so that nobody can free them but give_back. */
static void *take_inner(struct sll_cache *cache, size_t size, size_t align) {
  if ((size | (align - 1)) >= ALIGNED_MAX) {
    bool zeroed;
    struct slab *slab = large_slab(size, align, &zeroed);
    if (slab != NULL) hub_count(slab->cls, 1, 0);
    return slab != NULL ? slab->base : NULL;
  }
  const uint32_t cls = align <= MIN_ALIGN ? class_of_size(size) : class_of_aligned(align, size);
  sll_publish(cache, cls);
  struct block *inner = take_block(cache, cls);
  if (inner != NULL) header_set(inner, header_sampled(cls));
  return inner;
}

/* Gives a block of the core's back. */
static void give_back(void *inner) {
  struct slab *slab = directory_slab(inner);
  if (slab->cls >= CLASS_COUNT) return large_free(slab);
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

static void *debug_alloc(size_t size, size_t align) {
  const int saved = errno;
  const size_t inner_size = size <= PTRDIFF_MAX ? debug_inner_size(size, align) : 0;
  struct sll_cache *cache = inner_size != 0 ? sll_enter() : NULL;
  if (cache == NULL) return alloc_fail();
  if (size <= SMALL_MAX) sll_publish(cache, class_of_size(size)); /* the fast path counted a pop that is not to come */
  void *block = guarded_alloc(cache, row_of_size(size), size, align);
  if (block != NULL) {
    memset(block, (int)config.fill, size);
  } else {
    void *inner = take_inner(cache, inner_size, align);
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
static void *debug_alloc(size_t size, size_t align) { (void)size, (void)align; return NULL; }
static bool debug_freed(void *p) { (void)p; return false; }
#endif

/* ---- Large and huge blocks. ---- */

static struct slab *large_slab(size_t size, size_t align, bool *zeroed) {
  /* A checker wants each in a mapping of its own, with closed memory in front. */
  if (hub_checked || size > pool_large_max() || align > UNIT_SIZE) return legacy_huge_alloc(size, align, LEGACY_HUGE, zeroed);
  struct pool_refusal refusal;
  struct slab *slab = pool_large_alloc(size, zeroed, &refusal);
  if (slab != NULL) return slab;
  shared_fail_raise(NULL, CLASS_LARGE, (uint32_t)(align_up(size, UNIT_SIZE) / UNIT_SIZE), refusal);
  return legacy_huge_alloc(size, align, (enum legacy_reason)refusal.reason, zeroed);
}

/* A block of its own run or mapping; `zero`: it must read as zero. */
static void *large_alloc(size_t size, size_t align, bool zero) {
  if (size > PTRDIFF_MAX) return alloc_fail();
  const int saved = errno;
  struct sll_cache *cache = sll_enter();
  void *guarded = cache != NULL ? guarded_alloc(cache, size <= pool_large_max() ? CLASS_LARGE : CLASS_HUGE, size, align) : NULL;
  if (guarded != NULL) {
    sll_leave(cache);
    errno = saved;
    return guarded;
  }
  const size_t sampled = cache != NULL ? sll_take_profile(cache, CLASS_LARGE, size) : 0;
  bool zeroed = false;
  struct slab *slab = large_slab(hub_with_border(size), align, &zeroed);
  if (slab == NULL) {
    if (cache != NULL) sll_leave(cache);
    return alloc_fail();
  }
  void *block = slab->base;
  const uint32_t cls = slab->cls;
  hub_count(cls, 1, 0);
  hub_request(cls, size);
  recording_alloc(block, cls, size, sampled);
  if (sll_goes_slow()) EVENT(alloc, .ptr = block, .size = size, .cls = cls, .stack = hub_traced_stack());
  if (zero && (!zeroed || hub_checked)) memset(block, 0, size); /* a checker sees that it was written to */
  if (cache != NULL) sll_leave(cache);
  errno = saved;
  return block;
}

static void large_free(struct slab *slab) {
  recording_free(slab->base, slab->cls);
  hub_count(slab->cls, 0, 1);
  if (slab->cls == CLASS_LARGE) pool_large_free(slab);
  else legacy_huge_free(slab);
}

/* ---- The slow doors. ---- */

void *alloc_slow(size_t size) {
  read_options();
  if (debug_on()) return debug_alloc(size, MIN_ALIGN);
  const size_t with_border = hub_with_border(size);
  if (with_border <= SMALL_MAX) return alloc_slow_class(class_of_size(with_border), size, MIN_ALIGN);
  return large_alloc(size, MIN_ALIGN, false);
}

static struct block *take_block(struct sll_cache *cache, uint32_t cls) {
  while (!cache->state[cls].refilled || !block_can_pop(cache->head[cls])) {
    if (cache->head[cls] != BLOCK_END && !block_can_pop(cache->head[cls])) {
      sll_drop_head(cache, cls);
    } else if (!sll_refill(cache, cls)) {
      return NULL;
    }
  }
  return sll_pop(cache, cls);
}

void *alloc_slow_class(uint32_t cls, size_t size, size_t align) {
  const int saved = errno;
  read_options();
  struct sll_cache *cache = sll_enter();
  if (cache == NULL) return alloc_fail();
  sll_publish(cache, cls);
  void *guarded = guarded_alloc(cache, cls, size, align);
  if (guarded != NULL) {
    sll_leave(cache);
    errno = saved;
    return guarded;
  }
  const size_t sampled = sll_take_profile(cache, cls, size);
  struct block *block = take_block(cache, cls);
  if (block == NULL) {
    sll_leave(cache);
    return alloc_fail();
  }
  hub_request(cls, size);
  recording_alloc(block, cls, size, sampled);
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

/* Whether nothing is the matter with `p` but that its list's budget ran out, which is why most frees come here. */
static bool is_budget_only(const struct sll_cache *cache, int8_t code, const void *p) {
  return code > 0 && cache->directory == &directory && header_is(p, cache->live[code - 1]);
}

void free_slow(void *p) {
  if (p == NULL) return;
  const int saved = errno;
  struct sll_cache *cache = sll_self;
  const int8_t code = directory_code(&directory, p);
  if (LIKELY(is_budget_only(cache, code, p) && !debug_on())) {
    header_set(p, HEADER_FREE);
    sll_push(cache, (uint32_t)code - 1, p);
    sll_leave(cache);
    errno = saved;
    return;
  }
  if (guard_owns(p)) {
    guarded_free(p);
    errno = saved;
    return;
  }
  if (debug_on() && debug_freed(p)) {
    errno = saved;
    return;
  }
  read_options();
  cache = sll_enter();
  if (cache == NULL) return; /* no memory for this thread's lists: the block is lost, the program goes on */
  struct slab *slab = look_up(cache, p);
  if (slab == NULL || (slab->cls >= CLASS_COUNT && p != slab->base)) {
    misuse_pointer(slab, p, MISUSE_LIVE);
  } else if (slab->cls >= CLASS_COUNT) {
    if (sll_goes_slow()) EVENT(free, .ptr = p, .size = slab->requested, .cls = slab->cls, .stack = hub_traced_stack());
    large_free(slab);
  } else {
    small_free(cache, slab, p);
  }
  sll_leave(cache);
  errno = saved;
}

/* ---- The rest of the family. ---- */

void *alloc_zeroed(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return alloc_fail();
  if (total > SMALL_MAX && !debug_on()) {
    read_options();
    return large_alloc(total, MIN_ALIGN, true);
  }
  void *block = alloc_fast(total);
  return block != NULL ? memset(block, 0, total) : NULL;
}

void *alloc_aligned(size_t alignment, size_t size) {
  if (size > PTRDIFF_MAX || alignment > PTRDIFF_MAX) return alloc_fail();
  if (alignment <= MIN_ALIGN) return alloc_fast(size);
  if (debug_on()) return debug_alloc(size, alignment);
  const size_t with_border = hub_with_border(size);
  if ((with_border | (alignment - 1)) >= ALIGNED_MAX) {
    read_options();
    return large_alloc(size, alignment, false);
  }
  const uint32_t cls = class_of_aligned(alignment, with_border);
  struct block *block = pop_fast(cls);
  return LIKELY(block != NULL) ? block : alloc_slow_class(cls, size, alignment);
}

/* The slab of a live block, NULL after reporting that `p` is none; `state`: what it was given to. */
static struct slab *slab_of_live(const void *p, enum misuse_state state) {
  struct slab *slab = directory_slab(p);
  const bool small = slab != NULL && slab->cls < CLASS_COUNT;
  const void *block = small ? slab_block_of(slab, p) : slab != NULL ? slab->base : NULL;
  if (block == NULL || block != p) {
    misuse_pointer(slab, p, state);
    return NULL;
  }
#if HAKMEM_EVENTS
  if (!small) return slab;
  const uint8_t got = header_get(p), live = header_live(slab->cls);
  if (debug_on() && got == header_sampled(slab->cls)) { /* a block's redzone */
    misuse_pointer(slab, p, state);
    return NULL;
  }
  if (header_says_live(got, slab->cls)) return slab;
  misuse_header(slab, p, got, state);
  if (got == HEADER_FREE) return NULL;
  header_set((void *)(uintptr_t)p, live); /* still in use: put right, and go on */
#endif
  return slab;
}

/* Bytes of a live block that its user may touch. */
static size_t usable_of(const struct slab *slab, const void *p) {
  const size_t usable = slab_usable(slab, p);
  return hub_checked ? hub_checked_size(p, usable) : usable;
}

/* The bytes asked for of a block that is not the core's, 0 after a report; false where it is the core's, or nobody's. */
static bool known_size(const void *p, enum misuse_state state, size_t *size, bool *good) {
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

size_t alloc_usable(const void *p) {
  if (p == NULL) return 0;
  size_t size;
  bool good;
  if (known_size(p, MISUSE_MEASURED, &size, &good)) return size;
  hub_hold();
  const struct slab *slab = slab_of_live(p, MISUSE_MEASURED);
  const size_t usable = slab != NULL ? usable_of(slab, p) : 0;
  hub_release();
  return usable;
}

/* Whether a block of `usable` bytes goes on serving `size`: it fits, and not more than half would lie idle. */
static bool stays(size_t usable, size_t size) { return size <= usable && size >= usable / 2; }

/* A block that need not be copied, because it stays or because the system moves its pages; else NULL. */
static void *resize_in_place(struct slab *slab, void *p, size_t size) {
  if (hub_checked) return NULL; /* who goes on using the old pointer is seen */
  const bool stay = stays(slab_usable(slab, p), size);
  if (slab->cls == CLASS_HUGE && (stay || size > pool_large_max())) {
    slab = legacy_huge_resize(slab, size);
    return slab != NULL ? slab->base : NULL;
  }
  if (slab->cls == CLASS_LARGE && size > SMALL_MAX && size <= pool_large_max() && pool_large_resize(slab, size)) return p;
  if (!stay) return NULL;
  if (slab->cls == CLASS_LARGE) slab->requested = size;
  return p;
}

static void *move(void *p, size_t usable, size_t size) {
  void *moved = alloc_fast(size);
  if (moved == NULL) return NULL;
  memcpy(moved, p, min_size(usable, size));
  free_fast(p);
  return moved;
}

static void *resize(void *p, size_t size) {
  size_t old;
  bool good;
  if (known_size(p, MISUSE_REALLOCED, &old, &good)) return good ? move(p, old, size) : alloc_fail();
  hub_hold();
  struct slab *slab = slab_of_live(p, MISUSE_REALLOCED);
  const size_t usable = slab != NULL ? usable_of(slab, p) : 0;
  hub_release();
  if (slab == NULL) return alloc_fail();
  const uint32_t cls = slab->cls;
  void *in_place = resize_in_place(slab, p, size);
  if (in_place == NULL) return move(p, usable, size);
  recording_resize(p, in_place, cls, size);
  return in_place;
}

void *alloc_resize(void *p, size_t size) {
  if (p == NULL) return alloc_fast(size);
  if (size == 0) {
    free_fast(p);
    return NULL;
  }
  if (size > PTRDIFF_MAX) return alloc_fail();
  const int saved = errno;
  void *moved = resize(p, size);
  if (moved == NULL) return NULL;
  errno = saved;
  if (sll_goes_slow()) {
    const struct slab *slab = directory_slab(moved); /* NULL: it is guarded */
    EVENT(realloc, .ptr = moved, .size = size, .cls = slab != NULL ? slab->cls : row_of_size(size), .stack = hub_traced_stack(), .old = p);
    (void)slab;
  }
  return moved;
}

/* Whether a live block may have been asked for with this size. One that was resized in its place is of the class that it had before. */
static bool could_be_of(const struct slab *slab, const void *p, size_t alignment, size_t size) {
  if (hub_checked) return usable_of(slab, p) == size;
  if (slab->cls >= CLASS_COUNT) return slab->requested == size;
  const size_t usable = slab_usable(slab, p);
  if (stays(usable, size)) return true;
  if (size > usable) return false;
  if (slab->cls >= CLASS_ALIGNED) return alignment <= MIN_ALIGN || class_of_aligned(alignment, size) == slab->cls;
  return class_of_size(size) == slab->cls;
}

void alloc_free_sized(void *p, size_t alignment, size_t size) {
  if (guard_owns(p)) {
    guard_check_size(p, size);
    return free_fast(p);
  }
#if HAKMEM_EVENTS
  if (debug_on()) {
    debug_check_size(p, size);
    return free_fast(p);
  }
#endif
  hub_hold();
  const struct slab *slab = directory_slab(p);
  const bool small = slab != NULL && slab->cls < CLASS_COUNT;
  /* What is no live block is for free to say. */
  const bool live = small ? slab_block_of(slab, p) == p && header_says_live_at(p, slab->cls) : slab != NULL && slab->base == p;
  if (live && !could_be_of(slab, p, alignment, size)) misuse_size(slab, p, size);
  hub_release();
  free_fast(p);
}

bool alloc_trim(size_t keep) {
  if (debug_on()) debug_audit();
  struct sll_cache *cache = sll_enter();
  if (cache != NULL) sll_drain_all(cache, DRAIN_TRIM);
  size_t released = pool_scavenge(true, keep, sll_return_blocks);
  released += legacy_scavenge(true);
  if (cache != NULL) sll_leave(cache);
  return released != 0;
}
