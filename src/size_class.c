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

uint32_t class_slab_units(uint32_t cls) {
  const size_t stride = class_stride(cls), first = class_first(cls);
  uint32_t units = 1;
  while (units < SLAB_UNITS_MAX && (units * UNIT_SIZE - first) % stride + first - MIN_ALIGN >= units * UNIT_SIZE / 8) units++;
  return units;
}
