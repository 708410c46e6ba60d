/*
 * alloc.h: the two fast paths, and the entrances to the slow ones.
 *
 *   alloc_fast: size -> class -> pop            leaves by alloc_slow
 *   free_fast:  directory -> class -> is it a block's start -> push      leaves by free_slow, or by free_spent if the budget ran out
 *
 * No lock, no atomic read-modify-write, and no test whether anything is initialised: see tls_sll.h. Both touch a list only after a step of the
 * budget. So another thread can tell from the budgets whether the owner is using the list: see tls_idle.c.
 */
#ifndef HAKMEM_ALLOC_H
#define HAKMEM_ALLOC_H

#include "platform/base.h"
#include "checks/pointer.h"
#include "events.h"
#include "probe.h"
#include "slabs/directory.h"
#include "slabs/header.h"
#include "slabs/size_class.h"
#include "threads/tls_sll.h"

/* `start`, here and below: the clock (hub_ticks_here), read before the call, because the code of the slow paths is often in no cache. */
NOINLINE void *alloc_slow(size_t size, uint64_t start);
NOINLINE void free_slow(void *p, enum block_family given); /* `given`: the family of the function that was called */
/* The same if a budget has probably run out. */
NOINLINE void free_spent(void *p, enum block_family given, uint64_t start);

/* A live block of class `cls`; NULL: take the slow path. */
ALWAYS_INLINE struct block *pop_block(struct sll_cache *cache, size_t cls) {
  struct block *block = cache->head[cls];
  RESULT_REGISTER(block);
  if (UNLIKELY(!block_can_pop(block))) return NULL;
  struct block *next = link_read(block, &cache->key);
  if (UNLIKELY(next == LINK_BROKEN)) return NULL;
  if (UNLIKELY(budget_step(&cache->budget[cls].alloc))) return NULL;
  __asm__("" : "+r"(cls)); /* keeps the compiler from computing an index for the two uses of the head */
  cache->head[cls] = next;
  __builtin_prefetch(next); /* for the next pop: after a rest or a refill, each block is in no near cache */
  header_set(block, cache->live[cls]);
  return block;
}

ALWAYS_INLINE struct block *pop_fast(size_t cls) { return pop_block(sll_self, cls); }

ALWAYS_INLINE void *alloc_fast(size_t size) {
  if (UNLIKELY(size > SMALL_MAX)) return alloc_slow(size, hub_ticks_here());
  struct block *block = pop_fast(class_of_size(size));
  return LIKELY(block != NULL) ? block : alloc_slow(size, hub_ticks_here());
}

/* Pushes a live block of class `cls`. False if the budget ran out: take the slow path. */
ALWAYS_INLINE bool push_block(struct sll_cache *cache, size_t cls, struct block *block) {
  size_t code = cls + 1;    /* of the directory: free has this number in a register */
  __asm__("" : "+r"(code)); /* This barrier and the next one: otherwise the compiler computes an index or an address for the three uses. */
  if (UNLIKELY(budget_step(&cache->budget[code - 1].free))) return false;
  header_set(block, HEADER_FREE);
  const struct block *next = cache->head[code - 1];
  __asm__("" : "+r"(code), "+r"(next));
  link_write(block, next, &cache->key);
  __atomic_signal_fence(__ATOMIC_RELEASE); /* another thread may read the list in memory at any time: tls_idle.c */
  cache->head[code - 1] = block;
  return true;
}

/*
 * Whether `p`, in the first unit of a slab of class `cls`, is a live block. Inside a block, any byte of the program may look like a header, so it also
 * checks that a block begins here.
 */
ALWAYS_INLINE bool is_live_of(const struct sll_cache *cache, size_t cls, const void *p) {
  return LIKELY(class_starts_at(&cache->start[cls + 1], p)) && LIKELY(header_is(p, cache->live[cls]));
}

/*
 * The class of the block at `p` if it is a live small one, in the first unit of its slab; else CLASS_NONE. If every operation must take the slow path,
 * the thread's directory is blind, so this is CLASS_NONE. No block begins in a unit whose code is no class's, by `start`: so nothing of it is read.
 */
ALWAYS_INLINE size_t near_class(const void *p) {
  const struct sll_cache *cache = sll_self;
  const size_t code = (uint8_t)directory_code(cache->directory, header_place(p));
  return LIKELY(class_starts_at(&cache->start[code], p)) && LIKELY(header_is(p, cache->live[code - 1])) ? code - 1 : CLASS_NONE;
}

/* Frees a live small block. False: take the slow path. */
ALWAYS_INLINE bool push_fast(void *p) {
  const size_t cls = near_class(p);
  return LIKELY(cls != CLASS_NONE) && push_block(sll_self, cls, p);
}

ALWAYS_INLINE void free_by(void *p, enum block_family given) {
  const size_t cls = near_class(p);
  if (UNLIKELY(cls == CLASS_NONE)) free_slow(p, given);
  else if (UNLIKELY(!push_block(sll_self, cls, p))) free_spent(p, given, hub_ticks_here());
}

ALWAYS_INLINE void free_fast(void *p) { free_by(p, FAMILY_MALLOC); }

/* The rest of what hakmem.h offers, with parameters and errors as there. From alloc_resize on, see resize.c. */
void *alloc_zeroed(size_t count, size_t size);
void *alloc_aligned(size_t alignment, size_t size); /* alignment: a power of two */
void *alloc_resize(void *p, size_t size);
size_t alloc_usable(const void *p);
bool alloc_trim(size_t keep);

/* Frees a block for a sized free of the family `given`. Reports it if the block was not allocated with that size. For sizes that size_fits rejects. */
void alloc_free_sized(void *p, size_t alignment, size_t size, enum block_family given);

/* Frees a block whose pointer was examined already (pointer.h), or reports what is wrong with it. */
void free_found(struct pointer *at, enum block_family given);

/* Allocates for a block that has grown beyond SMALL_MAX: the new block gets room to grow further. */
void *alloc_grown(size_t size);
/*
 * Allocates the new place of a large block that shrinks to `size` bytes, more than SMALL_MAX. Only units that are free already serve it. NULL if there are
 * not enough of them: then the caller shrinks the block where it is.
 */
void *alloc_shrunk(size_t size);

/*
 * Every entrance to a slow path calls this first, so that the options are read before the first block is allocated: SuperSlabs must have the configured
 * size. It also prepares for the end of threads, whose lists are inherited.
 */
void alloc_prepare(void);

/* Registers the handlers of a fork with the C library, once. They must come before all other handlers: see atfork.c. */
void alloc_watch_forks(void);

/* Whether `p` is probably a block of `size` bytes, judged by its class alone. True for most sized frees, which then need no closer check. */
ALWAYS_INLINE bool size_fits(const void *p, size_t size) {
  return LIKELY(size <= SMALL_MAX && directory_code(sll_self->directory, header_place(p)) == (int8_t)(class_of_size(size) + 1));
}

/* For a sized free whose size is wrong, or whose block the slow path must free. */
NOINLINE void free_sized_slow(void *p, size_t size, enum block_family given);

/*
 * Frees a block of `size` bytes, with a single look-up. The class follows from the size, so its header and its start are loaded while the look-up is under
 * way.
 */
ALWAYS_INLINE void free_sized_by(void *p, size_t size, enum block_family given) {
  struct sll_cache *cache = sll_self;
  if (UNLIKELY(!size_fits(p, size) || !is_live_of(cache, class_of_size(size), p))) free_sized_slow(p, size, given);
  else if (UNLIKELY(!push_block(cache, class_of_size(size), p))) free_spent(p, given, hub_ticks_here());
}

/* For when memory runs out, or a size is above PTRDIFF_MAX: sets errno to ENOMEM, and returns NULL. */
void *alloc_fail(void);

#endif
