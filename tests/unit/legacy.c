/* The legacy path: slabs mapped one by one, huge blocks, the few that are kept. */
#include "legacy.h"

#include <criterion/criterion.h>
#include <string.h>

#include "config.h"
#include "directory.h"
#include "os.h"

static struct legacy_usage usage(uint32_t cls) {
  struct legacy_usage u;
  legacy_usage(cls, &u);
  return u;
}

Test(legacy, small_blocks_come_from_slabs_of_their_own_and_go_back) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls += 9) {
    const size_t mapped = os_mapped();
    struct chain all = CHAIN_EMPTY;
    for (int i = 0; i < 10; i++) {
      struct chain chain = legacy_refill(cls, 30, LEGACY_LIMIT, 0);
      cr_assert(chain.count > 0 && chain.count <= 30);
      while (chain.count > 0) {
        struct block *block = chain.head;
        chain.head = block->next;
        chain.count--;
        const struct slab *slab = directory_slab(block);
        cr_assert_not_null(slab);
        cr_assert(slab->home == NULL && slab->cls == cls && slab_block_of(slab, block) == block);
        chain_push(&all, block);
      }
    }
    cr_assert_eq(usage(cls).used, all.count);
    cr_assert_geq(usage(cls).capacity, all.count);
    const void *one = all.head;
    legacy_return_blocks(cls, all);
    cr_assert(usage(cls).slabs <= 1 && usage(cls).used == 0, "one empty slab may be kept");
    legacy_scavenge(true);
    cr_assert(usage(cls).slabs == 0 && usage(cls).used == 0 && usage(cls).bytes == 0);
    cr_assert_null(directory_slab(one));
    cr_assert_leq(os_mapped(), mapped + 64 * UNIT_SIZE, "slabs are unmapped; a leaf and metadata may have come");
  }
}

static struct slab *huge(size_t size, size_t align) {
  bool zeroed = false;
  struct slab *slab = legacy_huge_alloc(size, size, align, LEGACY_HUGE, &zeroed);
  cr_assert_not_null(slab);
  cr_assert_eq(directory_slab(slab->base), slab);
  cr_assert_eq(directory_code(&directory, slab->base), CODE_HUGE);
  cr_assert(slab->size >= size && slab->requested == size && (uintptr_t)slab->base % align == 0);
  if (zeroed) cr_assert(slab->base[0] == 0 && slab->base[size - 1] == 0);
  return slab;
}

Test(legacy, huge_blocks_of_any_alignment) {
  for (size_t align = 16; align <= 64 * MIB; align *= 4) {
    for (size_t size = 1; size < 8 * MIB; size = size * 5 + 12345) {
      struct slab *slab = huge(size, align);
      memset(slab->base, 1, slab->size);
      legacy_huge_free(slab);
    }
  }
  cr_assert(usage(CLASS_HUGE).huge_blocks == 0 && usage(CLASS_HUGE).huge_bytes == 0 && usage(CLASS_HUGE).huge_requested == 0);
}

Test(legacy, a_freed_huge_block_is_kept_for_the_next) {
  struct slab *slab = huge(3 * MIB, 16);
  char *base = slab->base;
  base[100] = 7;
  legacy_huge_free(slab);
  cr_assert_null(directory_slab(base));
  cr_assert_geq(usage(CLASS_HUGE).kept_bytes, 3 * MIB);
  bool zeroed = true;
  slab = legacy_huge_alloc(3 * MIB - 5000, 3 * MIB, 16, LEGACY_HUGE, &zeroed);
  cr_assert_eq(slab->base, base);
  cr_assert_not(zeroed);
  cr_assert_eq(slab->requested, 3 * MIB - 5000);
  legacy_huge_free(slab);
}

Test(legacy, not_everything_is_kept) {
  struct slab *slabs[100];
  for (int i = 0; i < 100; i++) slabs[i] = huge(2 * MIB, 16);
  cr_assert_eq(usage(CLASS_HUGE).huge_blocks, 100);
  const size_t mapped = os_mapped();
  config.release_delay = 1000000;
  for (int i = 0; i < 100; i++) legacy_huge_free(slabs[i]);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 192 * MIB, "of neighbours that became one range, what is too much goes, not all");
  cr_assert_leq(os_mapped(), mapped - 100 * 2 * MIB + usage(CLASS_HUGE).kept_bytes);
  cr_assert_eq(legacy_scavenge(false), 0);
  const size_t kept = usage(CLASS_HUGE).kept_bytes;
  cr_assert_gt(kept, 0);
  cr_assert_eq(legacy_scavenge(true), kept);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 0);
}

Test(legacy, resizing_keeps_the_contents_and_the_books) {
  struct slab *slab = huge(2 * MIB, 16);
  size_t size = 2 * MIB;
  slab->base[0] = 1;
  slab->base[size - 1] = 2;
  static const size_t sizes[] = {2 * MIB + 1, 40 * MIB, 3 * MIB, 3 * MIB + 70000, 100 * MIB, 2 * MIB};
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    /* Something behind it, so that it cannot always grow in place. */
    struct slab *behind = huge(2 * MIB, 16);
    struct slab *moved = legacy_huge_resize(slab, sizes[i]);
    cr_assert_not_null(moved);
    if (moved->base != slab->base) cr_assert_eq(directory_slab(moved->base), moved);
    slab = moved;
    cr_assert(slab->size >= sizes[i] && slab->requested == sizes[i]);
    cr_assert_eq(slab->base[0], 1);
    if (sizes[i] >= 2 * MIB) cr_assert_eq(slab->base[2 * MIB - 1], 2);
    slab->base[sizes[i] - 1] = slab->base[sizes[i] - 1] == 2 ? 2 : 9;
    legacy_huge_free(behind);
    cr_assert_eq(usage(CLASS_HUGE).huge_blocks, 1);
    cr_assert_eq(usage(CLASS_HUGE).huge_requested, sizes[i]);
    cr_assert_eq(usage(CLASS_HUGE).huge_bytes, slab->size);
  }
  cr_assert_null(legacy_huge_resize(slab, SIZE_MAX));
  cr_assert_eq(slab->requested, 2 * MIB, "a failure leaves it alone");
  legacy_huge_free(slab);
}

Test(legacy, what_has_room_grows_where_it_lies) {
  bool zeroed;
  struct slab *slab = legacy_huge_alloc(MIB, 2 * MIB, 16, LEGACY_HUGE, &zeroed);
  const char *const base = slab->base;
  cr_assert(zeroed && slab->size == MIB);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, MIB, "the room is nobody's");
  slab = legacy_huge_resize(slab, 2 * MIB);
  cr_assert(slab->base == base && slab->size == 2 * MIB && usage(CLASS_HUGE).kept_bytes == 0);
  slab = legacy_huge_resize(slab, MIB);
  slab->base[MIB - 1] = 1;
  struct slab *other = legacy_huge_alloc(MIB, MIB, 16, LEGACY_HUGE, &zeroed);
  cr_assert_eq(other->base, base + MIB, "somebody else may have it meanwhile");
  struct slab *moved = legacy_huge_resize(slab, MIB + MIB / 2);
  cr_assert(moved->base != base && moved->base[MIB - 1] == 1);
  legacy_huge_free(moved);
  legacy_huge_free(other);
}

Test(legacy, no_memory_is_an_answer) {
  bool zeroed;
  cr_assert_null(legacy_huge_alloc((size_t)1 << 62, (size_t)1 << 62, 16, LEGACY_HUGE, &zeroed));
  cr_assert_eq(usage(CLASS_HUGE).huge_blocks, 0);
}
