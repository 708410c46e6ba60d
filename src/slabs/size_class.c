#include "size_class.h"

static_assert(CLASS_COUNT < 127, "a class and its code in the directory fit into seven bits");

/*
 * The classes: C(cls, above, stride) serves blocks that need more than `above` bytes, which is the stride before, and at most `stride`. Up to 512, the
 * strides grow by even steps. Above, they are chosen so that a whole number of blocks fills a slab almost without a tail, mostly of a single unit. A
 * block's share of stride and tail is at most 9 % more than a C library's block of that size, which needs 16 bytes more.
 */
/* clang-format off */
#define CLASSES(C) \
  C(0, 0, 16) C(1, 16, 32) C(2, 32, 48) C(3, 48, 64) C(4, 64, 80) C(5, 80, 96) C(6, 96, 112) C(7, 112, 128) \
  C(8, 128, 144) C(9, 144, 160) C(10, 160, 176) C(11, 176, 192) C(12, 192, 208) C(13, 208, 224) C(14, 224, 240) C(15, 240, 256) \
  C(16, 256, 288) C(17, 288, 320) C(18, 320, 352) C(19, 352, 384) C(20, 384, 416) C(21, 416, 448) C(22, 448, 480) C(23, 480, 512) \
  C(24, 512, 528) C(25, 528, 592) C(26, 592, 656) C(27, 656, 736) C(28, 736, 816) C(29, 816, 896) C(30, 896, 976) C(31, 976, 1040) \
  C(32, 1040, 1136) C(33, 1136, 1248) C(34, 1248, 1360) C(35, 1360, 1488) C(36, 1488, 1632) C(37, 1632, 1760) C(38, 1760, 1920) C(39, 1920, 2112) \
  C(40, 2112, 2336) C(41, 2336, 2512) C(42, 2512, 2720) C(43, 2720, 2976) C(44, 2976, 3264) C(45, 3264, 3440) C(46, 3440, 3632) C(47, 3632, 3840) \
  C(48, 3840, 4080) C(49, 4080, 4368) C(50, 4368, 4672) C(51, 4672, 5040) C(52, 5040, 5456) C(53, 5456, 5952) C(54, 5952, 6544) C(55, 6544, 7008) \
  C(56, 7008, 7696) C(57, 7696, 8176) C(58, 8176, 8736) C(59, 8736, 9360) C(60, 9360, 10080) C(61, 10080, 10912) C(62, 10912, 11904) C(63, 11904, 13104) \
  C(64, 13104, 14032) C(65, 14032, 15120) C(66, 15120, 16368) C(67, 16368, 17472) C(68, 17472, 18720) C(69, 18720, 20160) C(70, 20160, 21840) C(71, 21840, 23824) \
  C(72, 23824, 26208) C(73, 26208, 28080) C(74, 28080, 29776) C(75, 29776, 32752) C(76, 32752, 35744)

/* The aligned classes, whose strides class_of_aligned computes. */
#define FOUR(A, step) A(5 * (step)) A(6 * (step)) A(7 * (step)) A(8 * (step))
#define ALIGNED_CLASSES(A) \
  A(32) A(64) A(96) A(128) A(160) A(192) A(224) A(256) \
  FOUR(A, 64) FOUR(A, 128) FOUR(A, 256) FOUR(A, 512) FOUR(A, 1024) FOUR(A, 2048) FOUR(A, 4096)
/* clang-format on */

#define COUNT_CLASS(cls, above, stride) +1
#define COUNT_ALIGNED(stride) +1
static_assert(CLASS_ALIGNED == CLASSES(COUNT_CLASS), "the table names every class");
static_assert(CLASS_COUNT == CLASS_ALIGNED ALIGNED_CLASSES(COUNT_ALIGNED), "the table names every aligned class");

#define GRANULES(cls, above, stride) [(above) / CLASS_GRANULE + 1 ...(stride) / CLASS_GRANULE] = (cls),
const uint8_t class_of_granule[CLASS_TABLE_LENGTH] = {CLASSES(GRANULES)}; /* entry 0 is 0, too: a block has at least one granule */

#define STRIDE(cls, above, stride) stride,
#define ALIGNED_STRIDE(stride) stride,
const uint16_t class_strides[CLASS_COUNT] = {CLASSES(STRIDE) ALIGNED_CLASSES(ALIGNED_STRIDE)};

/* Less than 1/TAIL_PART of a slab may be tail. Aligned blocks cannot be placed so that the tail becomes that small. */
#define TAIL_PART(first) ((first) == MIN_ALIGN ? 64u : 8u)

/* A slab is LONG if it has more than one unit, by the rule of class_slab_units. */
#define FACTOR(stride) ((uint32_t)((UINT64_C(1) << 32) / (stride)) + 1)
#define LONG(stride, first) ((UNIT_SIZE - (first)) % (stride) + (first)-MIN_ALIGN >= UNIT_SIZE / TAIL_PART(first))
#define LAST(stride, first) /* block of the first unit */ \
  (LONG(stride, first) ? (uint32_t)(UNIT_SIZE - 1 - (first)) / (stride) : (uint32_t)(UNIT_SIZE - (first)) / (stride)-1)
#define EXCESS(stride) (FACTOR(stride) * (stride))
#define ROOM(stride, first) ((first) == (stride) ? 0 : START_SPAN - 1 - LAST(stride, first) * EXCESS(stride)) /* where the first block is moved to */
#define START(stride, first) {FACTOR(stride), ROOM(stride, first) - START_SPAN - (first)*FACTOR(stride)},
#define CLASS_START(cls, above, stride) START(stride##u, 16u)
#define ALIGNED_START(stride) START((stride)*1u, ((stride)*1u) & (0u - (stride)))

const struct class_start class_start[CLASS_COUNT] = {CLASSES(CLASS_START) ALIGNED_CLASSES(ALIGNED_START)};

uint32_t class_slab_units(uint32_t cls) {
  const size_t stride = class_stride(cls), first = class_first(cls);
  uint32_t units = 1;
  while (units < SLAB_UNITS_MAX && (units * UNIT_SIZE - first) % stride + first - MIN_ALIGN >= units * UNIT_SIZE / TAIL_PART(first)) units++;
  return units;
}
