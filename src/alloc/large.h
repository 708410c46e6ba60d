/*
 * large.h: blocks that are a run of units in a SuperSlab, or a mapping of their own.
 */
#ifndef HAKMEM_LARGE_H
#define HAKMEM_LARGE_H

#include "platform/base.h"
#include "request.h"
#include "slabs/pool/shared_pool.h"
#include "slabs/size_class.h"
#include "slabs/superslab.h"

/* The class row that an allocation of `size` bytes usually gets. */
static inline uint32_t row_of_size(size_t size) { return size <= SMALL_MAX ? class_of_size(size) : size <= units_large_max() ? CLASS_LARGE : CLASS_HUGE; }

/*
 * Allocates a block of `size` bytes, at most PTRDIFF_MAX, at a multiple of `align`, and counts it. Returns the slab that it fills. If a block has grown and
 * little memory is free, the new one gets room for half as much again, if possible. *zeroed: it reads as zero. NULL if memory runs out.
 */
struct slab *large_take(size_t size, size_t align, enum request_kind kind, bool *zeroed);

/* Frees such a block, counts that, and updates its record. */
void large_give(struct slab *slab);

#endif
