/*
 * size_class.h: size <-> class.
 *
 * Strides grow by 16 bytes up to 128, and by eight even steps per doubling up to 512. Above, a whole number of blocks fills a slab almost
 * to its end: 65520 / 63 = 1040, 65520 / 15 = 4368.
 *
 *   class   0   1  ...   7 |   8    9  ...   15 |  16   17 ...   23 |  24 ...  31 ...   49 ...    75     76
 *   stride 16  32  ... 128 | 144  160  ...  256 | 288  320 ...  512 | 528 ... 1040 ... 4368 ... 32752  35744
 *
 * A block's last byte is the header of its right neighbour, so a block of stride s serves
 * requests of up to s - 1 bytes. Programs often ask for powers of two, so the strides just above these matter most. Of a stride above 128, at most 1/9
 * is unused.
 */
#ifndef HAKMEM_SIZE_CLASS_H
#define HAKMEM_SIZE_CLASS_H

#include "platform/base.h"

/*
 * The aligned classes follow the others. They serve requests with an alignment above MIN_ALIGN: their blocks begin at multiples of the largest
 * power of two in the stride. So an aligned block needs no special handling. Strides grow by 32 up to 256, then by four
 * even steps per doubling:
 *
 *   class  77   78  ...   84 |  85   86   87   88 | ...   109 ... 112
 *   stride 32   64  ...  256 | 320  384  448  512 | ... 20480 ... 32768
 */
#define CLASS_ALIGNED 77 /* the first of them */
#define ALIGNED_MAX ((size_t)32768)
#define CLASS_COUNT 113
#define STRIDE_MAX ((size_t)35744)
#define SMALL_MAX (STRIDE_MAX - 1) /* the largest request that a class serves */

/* Rows for blocks that are of no class, so that tables by class have a place for them. */
#define CLASS_LARGE CLASS_COUNT      /* a run of units inside a SuperSlab */
#define CLASS_HUGE (CLASS_COUNT + 1) /* a mapping of its own */
#define CLASS_ROWS (CLASS_COUNT + 2)
#define CLASS_NONE UINT32_MAX /* not ours */

#define SLAB_UNITS_MAX 6 /* the smallest SuperSlab (512 KiB) has 8 */

#define CLASS_GRANULE 16
#define CLASS_TABLE_LENGTH (STRIDE_MAX / CLASS_GRANULE + 1)

/* class_of_granule[g] is the smallest class whose stride is at least 16 * g bytes. */
extern const uint8_t class_of_granule[CLASS_TABLE_LENGTH];

/* The class that serves a request of `size` bytes, 0 <= size <= SMALL_MAX. */
ALWAYS_INLINE uint32_t class_of_size(size_t size) {
  return class_of_granule[size / CLASS_GRANULE + 1]; /* one byte more than `size`, for the header, in whole granules */
}

/* Bytes from one block of class `cls` to the next; cls < CLASS_COUNT. */
extern const uint16_t class_strides[CLASS_COUNT];
ALWAYS_INLINE uint32_t class_stride(uint32_t cls) { return class_strides[cls]; }

/*
 * The aligned class that serves `size` bytes at a multiple of `alignment`, a power of two above MIN_ALIGN; (size | alignment - 1) < ALIGNED_MAX.
 * Size and header are rounded up to a multiple of the alignment. The result is a stride, or lies in a doubling whose strides are all multiples of the
 * alignment.
 */
ALWAYS_INLINE uint32_t class_of_aligned(size_t alignment, size_t size) {
  const size_t last = size | (alignment - 1); /* the offset of the last byte: size and header, rounded up to the alignment */
  if (last < 256) return CLASS_ALIGNED + (uint32_t)(last / 32);
  const uint32_t doubling = 63 - (uint32_t)__builtin_clzll(last) - 8;
  return CLASS_ALIGNED + 8 + 4 * doubling + (uint32_t)(last >> (doubling + 6)) - 4;
}

/* Bytes from the base of a slab of class `cls` to its first block. The last of them is that block's header. */
ALWAYS_INLINE uint32_t class_first(uint32_t cls) {
  const uint32_t stride = class_stride(cls);
  return cls < CLASS_ALIGNED ? (uint32_t)MIN_ALIGN : stride & -stride;
}

/*
 * Where blocks begin, for the fast path: one multiplication in place of a division by the stride.
 *
 *   n = offset in the slab - first,  d = stride,  f = 2^32 / d rounded down, + 1,  e = f * d - 2^32, so that 1 <= e <= d
 *   n = q * d + r  =>  n * f = q * e + r * f  (modulo 2^32)
 *
 * Blocks, r = 0, lie at 0, e, 2e, ... below START_SPAN. Other addresses, r > 0, lie at f - e or above, which is more than START_SPAN. `shift` moves
 * the last block of the slab's first unit to 2^32 - 1, so that the next one would be at 0 or above. If first = d, it moves the first block to
 * 2^32 - START_SPAN instead, so that a block before it, at offset 0, would lie below. So only blocks have a result of 2^32 - START_SPAN or more.
 */
struct class_start {
  uint32_t factor, shift;
};
#define START_SPAN ((uint32_t)UNIT_SIZE)
extern const struct class_start class_start[CLASS_COUNT];

/* Whether a block begins at `p`, in the first unit of a slab of the entry's class. False at the unit's start, where only a header may lie before. */
ALWAYS_INLINE bool class_starts_at(const struct class_start *start, const void *p) {
  static_assert(UNIT_SHIFT == 16, "an address's lower 16 bits are its offset in the unit");
  return (uint16_t)(uintptr_t)p * start->factor + start->shift >= 0u - START_SPAN;
}

/*
 * Units of one slab of class `cls`: the fewest whose tail is under 1/64 of the slab (1/8 for an aligned class); at most SLAB_UNITS_MAX. The tail is the
 * rest behind the last whole block, and before the first one beyond MIN_ALIGN.
 */
uint32_t class_slab_units(uint32_t cls);

#endif
