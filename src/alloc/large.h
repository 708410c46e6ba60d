/*
 * large.h: blocks that are a run of units in a SuperSlab, or a mapping of their own.
 */
#ifndef HAKMEM_LARGE_H
#define HAKMEM_LARGE_H

#include "platform/base.h"
#include "request.h"
#include "slabs/shared_pool.h"
#include "slabs/size_class.h"
#include "slabs/superslab.h"

/* The class row that an allocation of `size` bytes is expected in. */
static inline uint32_t row_of_size(size_t size) {
  return size <= SMALL_MAX ? class_of_size(size) : size <= units_large_max() ? CLASS_LARGE : CLASS_HUGE;
}

/*
 * A block of `size` bytes, at most PTRDIFF_MAX, at a multiple of `align`: the slab that it is all of. Counts it. A block that has grown gets room
 * for half as much again, if that can be and little memory is free. *zeroed: it reads as zero. NULL if there is no memory.
 */
struct slab *large_take(size_t size, size_t align, enum request_kind kind, bool *zeroed);

/* Gives one back, counts that, and forgets what is known of it. */
void large_give(struct slab *slab);

#endif
