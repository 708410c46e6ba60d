#include "size_class.h"

static_assert(CLASS_COUNT < 127, "a class and its code in the directory fit into seven bits");

/* class_of_granule is written out by the preprocessor: N(cls) entries for the granules of each step. */
#define R1(c) c
#define R2(c) R1(c), R1(c)
#define R4(c) R2(c), R2(c)
#define R8(c) R4(c), R4(c)
#define R16(c) R8(c), R8(c)
#define R32(c) R16(c), R16(c)
#define R64(c) R32(c), R32(c)
#define R128(c) R64(c), R64(c)
/* The eight classes from `first` on, each as wide as R makes it. */
#define EIGHT(R, first) \
  R(first), R(first + 1), R(first + 2), R(first + 3), R(first + 4), R(first + 5), R(first + 6), R(first + 7)

const uint8_t class_of_granule[CLASS_TABLE_LENGTH] = {
  0, /* no block is smaller than one granule */
  EIGHT(R1, 0), EIGHT(R1, 8), EIGHT(R2, 16), EIGHT(R4, 24), EIGHT(R8, 32),
  EIGHT(R16, 40), EIGHT(R32, 48), EIGHT(R64, 56), EIGHT(R128, 64),
  R128(72), R128(72),
};

/* The strides are those of class_stride. A slab is LONG, of more than one unit, by the rule of class_slab_units. */
#define FACTOR(stride) ((uint32_t)((UINT64_C(1) << 32) / (stride)) + 1)
#define LONG(stride, first) ((UNIT_SIZE - (first)) % (stride) + (first) - MIN_ALIGN >= UNIT_SIZE / 8)
#define LAST(stride, first) /* block of the first unit */ \
  (LONG(stride, first) ? (uint32_t)(UNIT_SIZE - 1 - (first)) / (stride) : (uint32_t)(UNIT_SIZE - (first)) / (stride) - 1)
#define EXCESS(stride) (FACTOR(stride) * (stride))
#define ROOM(stride, first) ((first) == (stride) ? 0 : START_SPAN - 1 - LAST(stride, first) * EXCESS(stride)) /* to what the first block is moved */
#define START(stride, first) {FACTOR(stride), ROOM(stride, first) - START_SPAN - (first) * FACTOR(stride)}
#define ALIGNED_START(stride) START((stride), (stride) & (0u - (stride)))
#define STEP_16(c) START(16u * ((c) + 1u), 16u)
#define EIGHTH(c) START((16u << ((c) - 8) / 8) * (8u + ((c) - 8) % 8 + 1u), 16u)
#define STEP_32(c) ALIGNED_START(32u * ((c) - CLASS_ALIGNED + 1u))
#define QUARTER(c) ALIGNED_START((64u << ((c) - CLASS_ALIGNED - 8) / 4) * (4u + ((c) - CLASS_ALIGNED - 8) % 4 + 1u))

const struct class_start class_start[CLASS_COUNT] = {
  EIGHT(STEP_16, 0),
  EIGHT(EIGHTH, 8), EIGHT(EIGHTH, 16), EIGHT(EIGHTH, 24), EIGHT(EIGHTH, 32),
  EIGHT(EIGHTH, 40), EIGHT(EIGHTH, 48), EIGHT(EIGHTH, 56), EIGHT(EIGHTH, 64), EIGHTH(72),
  EIGHT(STEP_32, 73),
  EIGHT(QUARTER, 81), EIGHT(QUARTER, 89), EIGHT(QUARTER, 97),
  QUARTER(105), QUARTER(106), QUARTER(107), QUARTER(108),
};
static_assert(CLASS_ALIGNED == 73 && CLASS_COUNT == 109, "the table names every class");

uint32_t class_slab_units(uint32_t cls) {
  const size_t stride = class_stride(cls), first = class_first(cls);
  uint32_t units = 1;
  while (units < SLAB_UNITS_MAX && (units * UNIT_SIZE - first) % stride + first - MIN_ALIGN >= units * UNIT_SIZE / 8) units++;
  return units;
}
