/*
 * alloc.h: the two fast paths, and the doors to the slow ones.
 *
 *   alloc_fast: size -> class -> pop            leaves by alloc_slow
 *   free_fast:  directory -> class -> is it a block's start -> push      leaves by free_slow
 *
 * No lock, no atomic read-modify-write, no question whether anything is initialised: see tls_sll.h. Both touch a list only after a step of the
 * budget, so another thread can tell by the budgets whether the owner is at it: see tls_idle.c.
 */
#ifndef HAKMEM_ALLOC_H
#define HAKMEM_ALLOC_H

#include "platform/base.h"
#include "checks/pointer.h"
#include "events.h"
#include "slabs/directory.h"
#include "slabs/header.h"
#include "slabs/size_class.h"
#include "threads/tls_sll.h"

NOINLINE void *alloc_slow(size_t size);
NOINLINE void *alloc_slow_class(uint32_t cls, size_t size, size_t align);
NOINLINE void free_slow(void *p);
NOINLINE void free_slow_by(void *p, enum block_family given); /* given to an operator delete */

/* A live block of class `cls`; NULL: take the slow path. */
ALWAYS_INLINE struct block *pop_fast(size_t cls) {
  struct sll_cache *cache = sll_self;
  struct block *block = cache->head[cls];
  if (UNLIKELY(!block_can_pop(block))) return NULL;
  if (UNLIKELY(budget_step(&cache->budget[cls].alloc))) return NULL;
  cache->head[cls] = block_next(block);
  header_set(block, cache->live[cls]);
  return block;
}

ALWAYS_INLINE void *alloc_fast(size_t size) {
  if (UNLIKELY(size > SMALL_MAX)) return alloc_slow(size);
  struct block *block = pop_fast(class_of_size(size));
  return LIKELY(block != NULL) ? block : alloc_slow(size);
}

/* Pushes a live block of class `cls`; false when the budget ran out, and the slow path is to be taken. */
ALWAYS_INLINE bool push_block(struct sll_cache *cache, size_t cls, struct block *block) {
  struct sll_budget *next = &cache->budget[cls + 1];
  __asm__("" : "+r"(next)); /* or the compiler finds one address more for the head */
  if (UNLIKELY(budget_step(&next[-1].free))) return false;
  struct block **head = (struct block **)(next - 1 + CLASS_COUNT);
  header_set(block, HEADER_FREE);
  block_link(block, *head);
  __atomic_signal_fence(__ATOMIC_RELEASE); /* a list is whole in memory at any time: tls_idle.c */
  *head = block;
  return true;
}

/*
 * Frees a live small block; false when the slow path is to be taken. What looks like a header may be any byte of the program's within a block;
 * so it is checked as well that a block begins here. In this order: the header is waited for most.
 */
ALWAYS_INLINE bool push_fast(void *p) {
  struct sll_cache *cache = sll_self;
  const int8_t code = directory_code(cache->directory, header_place(p));
  if (UNLIKELY(code <= 0)) return false;
  const size_t cls = (size_t)code - 1;
  if (UNLIKELY(!header_is(p, cache->live[cls]) || !class_starts_at(&cache->start[cls], p))) return false;
  return push_block(cache, cls, p);
}

ALWAYS_INLINE void free_fast(void *p) {
  if (UNLIKELY(!push_fast(p))) free_slow(p);
}

/* What hakmem.h offers besides (from alloc_resize on: resize.c); it says what they take and return. */
void *alloc_zeroed(size_t count, size_t size);
void *alloc_aligned(size_t alignment, size_t size); /* alignment: a power of two */
void *alloc_resize(void *p, size_t size);
size_t alloc_usable(const void *p);
bool alloc_trim(size_t keep);

/* Frees a block that `given` gives back with its size. Reports it if the block was not allocated with that. For sizes that do not fit at a glance. */
NOINLINE void alloc_free_sized(void *p, size_t alignment, size_t size, enum block_family given);

/* Frees what was looked at already (pointer.h), or reports what is wrong with it. */
void free_found(struct pointer *at, enum block_family given);

/* For a block that has grown beyond SMALL_MAX: it has room to grow on. */
void *alloc_grown(size_t size);

/*
 * What every slow door does first, so that the options are read before the first block is made: every SuperSlab has the size that was asked
 * for, and every thread's lists are taken over.
 */
void alloc_prepare(void);

/* Registers what a fork needs with the C library, once: before any other handlers of forks, which see atfork.c. */
void alloc_watch_forks(void);

/* Whether a block of `size` bytes is to be expected at `p`, as far as its class tells: most sized frees need not look closer. */
ALWAYS_INLINE bool size_fits(const void *p, size_t size) {
  return LIKELY(size <= SMALL_MAX && directory_code(sll_self->directory, header_place(p)) == (int8_t)(class_of_size(size) + 1));
}

/* There is no memory, or the size is above PTRDIFF_MAX: sets errno to ENOMEM, and returns NULL. */
void *alloc_fail(void);

#endif
