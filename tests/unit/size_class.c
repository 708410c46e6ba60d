/* Size <-> class: every size that a class serves, and the waste that the design allows. */
#include "slabs/size_class.h"

#include <criterion/criterion.h>

Test(size_class, strides_grow_and_are_multiples_of_the_granule) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cr_assert_eq(class_stride(cls) % CLASS_GRANULE, 0, "class %u has stride %u", cls, class_stride(cls));
    if (cls > 0 && cls != CLASS_ALIGNED) cr_assert_lt(class_stride(cls - 1), class_stride(cls), "class %u does not grow", cls);
  }
  cr_assert_eq(class_stride(0), 16);
  cr_assert_eq(class_stride(7), 128);
  cr_assert_eq(class_stride(8), 144);
  cr_assert_eq(class_stride(23), 512);
  cr_assert_eq(class_stride(CLASS_ALIGNED - 1), STRIDE_MAX);
  cr_assert_eq(class_stride(CLASS_COUNT - 1), ALIGNED_MAX);
}

Test(size_class, every_size_gets_the_smallest_class_that_leaves_room_for_the_header) {
  uint32_t expected = 0;
  for (size_t size = 0; size <= SMALL_MAX; size++) {
    while (class_stride(expected) < size + 1) expected++;
    cr_assert_eq(class_of_size(size), expected, "size %zu: class %u, expected %u", size, class_of_size(size), expected);
  }
}

Test(size_class, table_agrees_with_the_strides) {
  for (size_t granule = 1; granule < CLASS_TABLE_LENGTH; granule++) {
    const uint32_t cls = class_of_granule[granule];
    cr_assert_lt(cls, CLASS_ALIGNED);
    cr_assert_geq(class_stride(cls), granule * CLASS_GRANULE);
    if (cls > 0 && cls != CLASS_ALIGNED) cr_assert_lt(class_stride(cls - 1), granule * CLASS_GRANULE);
  }
}

Test(size_class, waste_above_128_bytes_is_at_most_an_eighth) {
  for (size_t size = 128; size <= SMALL_MAX; size++) {
    const size_t stride = class_stride(class_of_size(size));
    cr_assert_leq((stride - size) * 8, stride, "size %zu in a stride of %zu", size, stride);
  }
}

Test(size_class, small_classes_reach_32_kib) { cr_assert_geq(SMALL_MAX, 32 * KIB); }

static size_t capacity(uint32_t cls) { return (class_slab_units(cls) * UNIT_SIZE - class_first(cls)) / class_stride(cls); }

Test(size_class, slab_tails_are_small) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const size_t units = class_slab_units(cls), size = units * UNIT_SIZE;
    cr_assert(units >= 1 && units <= SLAB_UNITS_MAX, "class %u takes %zu units", cls, units);
    cr_assert_geq(capacity(cls), 1);
    cr_assert_lt((size - MIN_ALIGN - capacity(cls) * class_stride(cls)) * (cls < CLASS_ALIGNED ? 64 : 8), size, "class %u", cls);
  }
}

/* Against a C library that has 8 bytes of its own beside each block and rounds up to 16: what stride and tail waste together. */
Test(size_class, a_slab_holds_at_least_nine_tenths_of_what_its_bytes_could) {
  for (size_t size = 128; size <= SMALL_MAX; size++) {
    const uint32_t cls = class_of_size(size);
    const size_t elsewhere = (size + 8 + 15) / 16 * 16;
    cr_assert_geq(capacity(cls) * elsewhere * 100, class_slab_units(cls) * UNIT_SIZE * 90, "size %zu, class %u", size, cls);
  }
}

/* The multiplication agrees with the division, at every address of a slab's first unit. */
Test(size_class, the_fast_path_knows_where_blocks_begin) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const uint32_t first = class_first(cls), stride = class_stride(cls);
    const uint32_t capacity = (uint32_t)((class_slab_units(cls) * UNIT_SIZE - first) / stride);
    for (uintptr_t offset = 0; offset < UNIT_SIZE; offset++) {
      const bool begins = offset >= first && (offset - first) % stride == 0 && (offset - first) / stride < capacity;
      cr_assert_eq(class_starts_at(&class_start[cls], (const void *)(0x7f0123450000u + offset)), begins, "class %u, offset %zu", cls, offset);
    }
  }
}

Test(size_class, aligned_classes_fit_and_begin_where_they_must) {
  for (size_t alignment = 32; alignment <= ALIGNED_MAX; alignment *= 2) {
    for (size_t size = 0; (size | (alignment - 1)) < ALIGNED_MAX; size++) {
      const uint32_t cls = class_of_aligned(alignment, size);
      cr_assert(cls >= CLASS_ALIGNED && cls < CLASS_COUNT, "%zu at %zu: class %u", size, alignment, cls);
      cr_assert_geq(class_stride(cls), size + 1);
      cr_assert_eq((class_first(cls) | class_stride(cls)) % alignment, 0, "%zu at %zu: class %u", size, alignment, cls);
      if (cls == CLASS_ALIGNED) continue;
      const bool smaller_would_do = class_stride(cls - 1) >= size + 1 && (class_first(cls - 1) | class_stride(cls - 1)) % alignment == 0;
      cr_assert_not(smaller_would_do, "%zu at %zu: class %u", size, alignment, cls);
    }
  }
}

Test(size_class, rows_for_blocks_of_no_class_lie_behind_the_classes) {
  cr_assert_eq(CLASS_LARGE, CLASS_COUNT);
  cr_assert_eq(CLASS_HUGE, CLASS_COUNT + 1);
  cr_assert_eq(CLASS_ROWS, CLASS_COUNT + 2);
}
