/*
 * size_class.h: size <-> class.
 *
 * Strides grow by 16 bytes up to 128, then by eight even steps per doubling:
 *
 *   class   0   1  ...   7 |   8    9  ...   15 |  16   17 ...   23 | ...      71 |    72
 *   stride 16  32  ... 128 | 144  160  ...  256 | 288  320 ...  512 | ...   32768 | 36864
 *
 * A block's last byte belongs to the header of its right neighbour, so a block of stride s serves
 * requests of up to s - 1 bytes. With eight steps per doubling the unused part of a stride above 128
 * is at most step / stride <= 1/9 < 12.5 %.
 */
#ifndef HAKMEM_SIZE_CLASS_H
#define HAKMEM_SIZE_CLASS_H

#include "base.h"

#define CLASS_COUNT 73
#define STRIDE_MAX ((size_t)36864)
#define SMALL_MAX (STRIDE_MAX - 1) /* the largest request that a class serves */

/* Rows for blocks that are of no class, so that tables indexed by class can hold them too. */
#define CLASS_LARGE CLASS_COUNT      /* a run of units inside a SuperSlab */
#define CLASS_HUGE (CLASS_COUNT + 1) /* a mapping of its own */
#define CLASS_ROWS (CLASS_COUNT + 2)
#define CLASS_NONE UINT32_MAX        /* not ours */

#define SLAB_UNITS_MAX 4 /* half of the smallest SuperSlab (512 KiB) */

#define CLASS_GRANULE 16
#define CLASS_TABLE_LENGTH (STRIDE_MAX / CLASS_GRANULE + 1)

/* class_of_granule[g] is the smallest class whose stride is at least 16 * g bytes. */
extern const uint8_t class_of_granule[CLASS_TABLE_LENGTH];

/* The class that serves a request of `size` bytes, 0 <= size <= SMALL_MAX. */
ALWAYS_INLINE uint32_t class_of_size(size_t size) {
  return class_of_granule[size / CLASS_GRANULE + 1]; /* one byte more than `size`, for the header, in whole granules */
}

/* Bytes from one block of class `cls` to the next; cls < CLASS_COUNT. */
ALWAYS_INLINE uint32_t class_stride(uint32_t cls) {
  if (cls < 8) return (cls + 1) * CLASS_GRANULE;
  const uint32_t doubling = (cls - 8) / 8, step = (cls - 8) % 8 + 1;
  return (128u << doubling) + ((16u << doubling) * step);
}

/*
 * Units of one slab of class `cls`: the fewest whose tail (what is left behind the last whole block) is
 * under 1/8 of the slab; at most SLAB_UNITS_MAX.
 */
uint32_t class_slab_units(uint32_t cls);

#endif
