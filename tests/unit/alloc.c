/* The family behind the names, on one thread and with the core's assertions on. */
#include "alloc/alloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "platform/config.h"
#include "statistics/stats.h"
#include "slabs/pool/shared_pool.h"

static uint64_t resets(void) { return stats_block()->counters.hdr_reset; }

Test(alloc, every_small_size_gets_its_class) {
  for (size_t size = 0; size <= SMALL_MAX; size++) {
    unsigned char *p = alloc_fast(size);
    cr_assert_not_null(p);
    cr_assert_eq((uintptr_t)p % MIN_ALIGN, 0);
    cr_assert_eq(alloc_usable(p), class_stride(class_of_size(size)) - 1);
    cr_assert_eq(header_get(p), header_live(class_of_size(size)));
    p[0] = p[alloc_usable(p) - 1] = 1;
    free_fast(p);
  }
  cr_assert_eq(resets(), 0);
}

Test(alloc, larger_sizes_go_beside_the_classes) {
  static const size_t sizes[] = {SMALL_MAX + 1, 65536, 65537, 1000000, 1048576, 1048577, 5000000};
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char *p = alloc_fast(sizes[i]);
    const struct slab *slab = directory_slab(p);
    cr_assert_eq(slab->cls, sizes[i] <= units_large_max() ? CLASS_LARGE : CLASS_HUGE);
    cr_assert(alloc_usable(p) >= sizes[i] && alloc_usable(p) < sizes[i] + UNIT_SIZE);
    p[0] = p[sizes[i] - 1] = 1;
    free_fast(p);
    cr_assert_null(directory_slab(p));
  }
}

Test(alloc, zeroed_even_where_it_was_used) {
  for (size_t size = 1; size < 3000000; size = size * 3 / 2 + 1) {
    char *p = alloc_fast(size);
    memset(p, 0xee, alloc_usable(p));
    free_fast(p);
    p = alloc_zeroed(1, size);
    for (size_t i = 0; i < size; i++) cr_assert_eq(p[i], 0, "size %zu, byte %zu", size, i);
    free_fast(p);
  }
}

Test(alloc, impossible_sizes_fail_with_enomem) {
  errno = 0;
  cr_assert(alloc_fast((size_t)PTRDIFF_MAX + 1) == NULL && errno == ENOMEM);
  errno = 0;
  cr_assert(alloc_zeroed(SIZE_MAX, 2) == NULL && errno == ENOMEM);
  errno = 0;
  cr_assert(alloc_aligned(64, SIZE_MAX - 10) == NULL && errno == ENOMEM);
  errno = 0;
  cr_assert(alloc_aligned((size_t)1 << 63, 10) == NULL && errno == ENOMEM);
}

Test(alloc, aligned_blocks_are_freed_by_the_pointer_that_was_handed_out) {
  static void *p[400];
  for (size_t align = 16; align <= 1 << 22; align *= 2) {
    const int n = align <= 4096 ? 400 : 20;
    for (int i = 0; i < n; i++) {
      p[i] = alloc_aligned(align, (size_t)i * 13);
      cr_assert_eq((uintptr_t)p[i] % align, 0);
      cr_assert_geq(alloc_usable(p[i]), (size_t)i * 13);
      memset(p[i], i, alloc_usable(p[i]));
    }
    for (int i = 0; i < n; i++) {
      for (size_t k = 0; k < alloc_usable(p[i]); k++) cr_assert_eq(((unsigned char *)p[i])[k], (unsigned char)i);
      free_fast(p[i]);
    }
  }
  cr_assert_eq(resets(), 0);
}

Test(alloc, an_aligned_block_of_size_0_overlaps_nothing) {
  char *a = alloc_aligned(65536, 0), *b = alloc_aligned(65536, 0), *c = alloc_fast(70000);
  cr_assert(a != b && a != c && b != c);
  free_fast(a), free_fast(b), free_fast(c);
  cr_assert_eq(resets(), 0);
}

Test(alloc, resizing_keeps_the_contents) {
  static const size_t sizes[] = {1, 15, 16, 100, 99, 4000, 40000, 39000, 100000, 2000000, 9000000, 3000000, 50000, 10};
  unsigned char *p = alloc_resize(NULL, 1);
  size_t size = 1;
  p[0] = 0x33;
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    p = alloc_resize(p, sizes[i]);
    cr_assert_not_null(p);
    const size_t kept = size < sizes[i] ? size : sizes[i];
    for (size_t k = 0; k < kept; k++) cr_assert_eq(p[k], 0x33);
    memset(p, 0x33, sizes[i]);
    size = sizes[i];
  }
  cr_assert_null(alloc_resize(p, 0));
  cr_assert_eq(resets(), 0);
}

Test(alloc, a_resize_that_fits_stays_where_it_is) {
  void *p = alloc_fast(1000);
  cr_assert_eq(alloc_resize(p, 1020), p);
  cr_assert_eq(alloc_resize(p, 700), p);
  free_fast(p);
}

Test(alloc, a_large_block_that_grew_lies_where_it_can_grow_on) {
  config.release_delay = 1000000;
  char *kept = alloc_fast(3 * MIB);
  free_fast(kept);
  char *p = alloc_resize(alloc_fast(1000), 4 * UNIT_SIZE); /* moves */
  cr_assert_eq(p, kept, "memory that is kept, with room behind");
  cr_assert_eq(directory_slab(p)->requested, 4 * UNIT_SIZE);
  cr_assert_eq(alloc_usable(p), 4 * UNIT_SIZE);
  memset(p, 7, 4 * UNIT_SIZE);
  cr_assert_eq(alloc_resize(p, 9 * UNIT_SIZE), p);
  char *behind = alloc_fast(2 * MIB);
  cr_assert_eq(behind, kept + 9 * UNIT_SIZE, "the room belongs to no block");
  char *moved = alloc_resize(p, 12 * UNIT_SIZE);
  cr_assert(moved != p && moved[0] == 7 && moved[4 * UNIT_SIZE - 1] == 7);
  cr_assert_eq(alloc_resize(moved, 11 * UNIT_SIZE), moved);
  char *small = alloc_resize(moved, 100);
  cr_assert(directory_slab(small)->cls < CLASS_COUNT && small[99] == 7);
  free_fast(small);
  free_fast(behind);
}

Test(alloc, a_large_block_that_grew_beside_many_huge_ones_has_room_in_its_superslab) {
  void *huge[130];
  for (int i = 0; i < 130; i++) huge[i] = alloc_fast(2 * MIB);
  char *p = alloc_resize(alloc_fast(1000), 4 * UNIT_SIZE); /* moves */
  cr_assert_eq(directory_slab(p)->cls, CLASS_LARGE);
  cr_assert_eq(directory_slab(p)->requested, 4 * UNIT_SIZE);
  cr_assert_eq(alloc_resize(p, 6 * UNIT_SIZE), p);
  char *behind = alloc_fast(UNIT_SIZE);
  char *moved = alloc_resize(p, 12 * UNIT_SIZE);
  cr_assert_neq(moved, p, "what lies behind it is in use");
  free_fast(moved);
  free_fast(behind);
  for (int i = 0; i < 130; i++) free_fast(huge[i]);
}

Test(alloc, wrong_frees_are_reported_and_change_nothing) {
  static char here[100];
  char *p = alloc_fast(200);
  free_slow(here + 32, FAMILY_MALLOC);
  cr_assert_eq(resets(), 1);
  free_fast(p + 16);
  cr_assert_eq(resets(), 2);
  cr_assert_eq(alloc_usable(p), class_stride(class_of_size(200)) - 1, "the block is whole");
  free_fast(p);
  cr_assert_eq(resets(), 2);
  free_fast(p);
  cr_assert_eq(resets(), 3);
  void *a = alloc_fast(200), *b = alloc_fast(200);
  cr_assert_neq(a, b, "the double free put it into the list once");
  cr_assert_null(alloc_resize(here + 32, 10));
  cr_assert_eq(resets(), 4);
}

Test(alloc, a_broken_header_costs_the_block_not_the_list) {
  void *p = alloc_fast(200);
  header_set(p, 0x00);
  free_fast(p);
  cr_assert_eq(resets(), 1);
  for (int i = 0; i < 3000; i++) cr_assert_neq(alloc_fast(200), p);
}

Test(alloc, works_by_every_strategy) {
  static void *p[3000];
  for (config.lookup = 0; config.lookup < 3; config.lookup++) {
    for (int i = 0; i < 3000; i++) memset(p[i] = alloc_fast((size_t)i * 40), 1, (size_t)i * 40);
    for (int i = 0; i < 3000; i++) free_fast(p[i]);
  }
  cr_assert_eq(resets(), 0);
}

Test(alloc, a_limit_makes_legacy_serve) {
  config.ss_limit = 1;
  static void *p[4000];
  for (int i = 0; i < 4000; i++) memset(p[i] = alloc_fast(1000), 1, 1000);
  uint64_t legacy = 0;
  for (int i = 0; i < 4000; i++) {
    legacy += directory_slab(p[i])->home == NULL;
    free_fast(p[i]);
  }
  cr_assert_gt(legacy, 1000);
  cr_assert_gt(stats_block()->counters.shared_fail_limit, 0);
  cr_assert_gt(stats_block()->cls[class_of_size(1000)].legacy_calls, 0);
}

Test(alloc, a_trim_says_whether_memory_went_back) {
  static void *p[2000];
  for (int i = 0; i < 2000; i++) memset(p[i] = alloc_fast(5000), 1, 5000);
  for (int i = 0; i < 2000; i++) free_fast(p[i]);
  cr_assert(alloc_trim(0));
  cr_assert_not(alloc_trim(0), "the second time there is nothing left to give");
}

static void free_sized(void *p, size_t alignment, size_t size) { alloc_free_sized(p, alignment, size, FAMILY_MALLOC); }

Test(alloc, a_sized_free_with_the_right_size_is_not_reported) {
  for (size_t size = 0; size < 80000; size = size * 9 / 8 + 1) {
    for (size_t alignment = 16; alignment <= 2 * UNIT_SIZE; alignment *= 2) free_sized(alloc_aligned(alignment, size), alignment, size);
    for (size_t other = 1; other < 80000; other = other * 3 / 2 + 1) {
      free_sized(alloc_resize(alloc_fast(size), other), MIN_ALIGN, other); /* may stay where it is */
      free_sized(alloc_resize(alloc_aligned(256, size), other), MIN_ALIGN, other);
    }
  }
  cr_assert_eq(resets(), 0);
  free_sized(alloc_fast(100), MIN_ALIGN, 112);
  free_sized(alloc_fast(100), MIN_ALIGN, 8);
  free_sized(alloc_fast(90000), MIN_ALIGN, 90001);
  cr_assert_eq(resets(), 3);
}

/* If no units are free for it, it stays: that is no shared_fail, and leaves errno alone. */
Test(alloc, much_shorter_blocks_stay_if_nothing_is_free) {
  enum { SIZE = 300000 };
  config.ss_limit = 1;
  char *block = alloc_fast(SIZE);
  for (const char *p = block; directory_slab(p)->cls == CLASS_LARGE;) p = alloc_fast(SIZE);
  for (const char *p = block; directory_slab(p)->cls == CLASS_LARGE;) p = alloc_fast(SMALL_MAX + 1);
  const uint64_t fails = stats_block()->counters.shared_fail_limit;
  cr_assert_gt(fails, 0);
  errno = EDOM;
  cr_assert_eq(alloc_resize(block, 100000), block);
  cr_assert(alloc_usable(block) >= 100000 && alloc_usable(block) < 200000);
  cr_assert(errno == EDOM && stats_block()->counters.shared_fail_limit == fails);
}

/* A large block that shrinks to less than half leaves its whole run to the next block of its old size, not the rest behind it. */
Test(alloc, much_shorter_blocks_move) {
  char *const long_block = alloc_fast(300000), *const next = alloc_fast(300000);
  memset(long_block, 7, 100000);
  char *const shorter = alloc_resize(long_block, 100000);
  cr_assert(shorter[0] == 7 && shorter[99999] == 7);
  cr_assert_eq(alloc_fast(300000), long_block);
  free_fast(shorter);
  free_fast(long_block);
  free_fast(next);
}
