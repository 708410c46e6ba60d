/* The legacy path: slabs mapped one by one, huge blocks, the few that are kept. */
#include "slabs/legacy/legacy.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "platform/config.h"
#include "slabs/directory.h"
#include "memory/os.h"

/* The largest block that fits into a mapping of `whole` bytes: the last page of the mapping is sealed. */
static size_t within(size_t whole) { return whole - os_page_size(); }

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
      struct broken_link broken;
      struct chain chain = legacy_refill(cls, 30, LEGACY_LIMIT, 0, &broken);
      cr_assert_null(broken.block);
      cr_assert(chain.count > 0 && chain.count <= 30);
      while (chain.count > 0) {
        struct block *block = chain.head;
        chain.head = block_next(block);
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
  struct slab *slab = legacy_huge_alloc(size, align, LEGACY_HUGE, &zeroed);
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
      memset(slab->base, 1, slab_usable(slab, slab->base));
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
  slab = legacy_huge_alloc(3 * MIB - 5000, 16, LEGACY_HUGE, &zeroed);
  cr_assert_eq(slab->base, base);
  cr_assert_not(zeroed);
  cr_assert_eq(slab->requested, 3 * MIB - 5000);
  legacy_huge_free(slab);
}

Test(legacy, a_grown_block_that_no_kept_range_can_hold_takes_over_the_pages_of_a_shorter_one) {
  config.release_delay = 1000000;
  struct slab *slab = huge(within(MIB), 16), *longer = huge(within(3 * MIB), 16);
  memset(slab->base, 7, within(MIB));
  memset(longer->base, 8, within(3 * MIB));
  legacy_huge_free(slab);
  const size_t mapped = os_mapped();
  bool zeroed = true;
  slab = legacy_huge_alloc(MIB + MIB / 2, 16, LEGACY_GROWN, &zeroed);
  cr_assert_not(zeroed);
  cr_assert(slab->base[0] == 7 && slab->base[within(MIB) - 1] == 7 && slab->base[MIB] == 0);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 0);
  cr_assert_eq(os_mapped(), mapped + MIB / 2, "it grew by the difference");
  memset(slab->base, 9, slab_usable(slab, slab->base)); /* no page is sealed, as in the block before */
  slab = legacy_huge_resize(slab, 3 * MIB);
  cr_assert(slab->base[0] == 9 && slab->base[MIB + MIB / 2 - 1] == 9);
  legacy_huge_free(slab);
  legacy_scavenge(true);
  zeroed = false;
  legacy_huge_free(longer);
  slab = legacy_huge_alloc(4 * MIB, 16, LEGACY_GROWN, &zeroed);
  cr_assert(zeroed && usage(CLASS_HUGE).kept_bytes == 3 * MIB, "not for a block of more than 2 MiB");
  legacy_huge_free(slab);
  legacy_scavenge(true);
  legacy_huge_free(huge(within(MIB), 16));
  zeroed = false;
  slab = legacy_huge_alloc(within(2 * MIB), 16, LEGACY_HUGE, &zeroed);
  cr_assert(zeroed && usage(CLASS_HUGE).kept_bytes == MIB, "not for a new block: calloc would have to write to all of it");
  legacy_huge_free(slab);
}

Test(legacy, not_everything_is_kept) {
  struct slab *slabs[100];
  for (int i = 0; i < 100; i++) slabs[i] = huge(within(2 * MIB), 16);
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

/* Makes 150 huge blocks of 2 MiB, writes to the middle of each if it is `touched`, and frees the first 110. The bytes that are kept. */
static size_t keep_110_of_150(struct slab *slabs[150], bool touched) {
  for (int i = 0; i < 150; i++) slabs[i] = huge(within(2 * MIB), 16);
  for (int i = 0; i < 150; i++) {
    for (size_t at = MIB / 2; touched && at < 3 * MIB / 2; at += os_page_size()) slabs[i]->base[at] = 1;
  }
  for (int i = 0; i < 110; i++) legacy_huge_free(slabs[i]);
  return usage(CLASS_HUGE).kept_bytes;
}

Test(legacy, more_is_kept_of_memory_that_was_written_to_as_long_as_as_much_is_live) {
  config.release_delay = 1000000;
  struct slab *slabs[150];
  cr_assert_eq(keep_110_of_150(slabs, false), 192 * MIB, "it costs little to map it again");
  for (int i = 110; i < 150; i++) legacy_huge_free(slabs[i]);
  legacy_scavenge(true);
  cr_assert_eq(keep_110_of_150(slabs, true), 220 * MIB);
  for (int i = 110; i < 150; i++) legacy_huge_free(slabs[i]);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 192 * MIB, "nothing is live");
  legacy_scavenge(true);
  cr_assert_eq(keep_110_of_150(slabs, false), 192 * MIB, "what was given back does not count");
}

/* Keeps 500 MiB, as much as which is live: one block, which is returned. */
static struct slab *keep_500_of_1100(void) {
  struct slab *const live = huge(within(600 * MIB), 16), *slabs[250];
  for (int i = 0; i < 250; i++) slabs[i] = huge(within(2 * MIB), 16);
  for (int i = 0; i < 250; i++) legacy_huge_free(slabs[i]);
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 500 * MIB, "as much as is live may be kept");
  return live;
}

Test(legacy, less_is_kept_when_less_is_live) {
  config.release_delay = 1000000;
  struct slab *slab = legacy_huge_resize(keep_500_of_1100(), within(4 * MIB));
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 192 * MIB, "after a block became smaller");
  legacy_huge_free(slab);
  legacy_scavenge(true);
  legacy_huge_free(keep_500_of_1100());
  cr_assert_eq(usage(CLASS_HUGE).kept_bytes, 192 * MIB, "after a block was freed that is too large to be kept itself");
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

Test(legacy, what_grew_lies_where_it_can_grow_on) {
  config.release_delay = 1000000;
  legacy_huge_free(huge(within(7 * MIB), 16)); /* where they lie side by side */
  struct slab *longer = huge(within(4 * MIB), 16), *between = huge(within(MIB), 16), *shorter = huge(within(MIB), 16), *behind = huge(within(MIB), 16);
  char *const base = longer->base, *const fits = shorter->base;
  legacy_huge_free(longer);
  legacy_huge_free(shorter);
  bool zeroed;
  struct slab *slab = legacy_huge_alloc(within(MIB), 16, LEGACY_GROWN, &zeroed);
  cr_assert(slab->base == base && slab->size == MIB, "there it has room");
  slab = legacy_huge_resize(slab, within(2 * MIB));
  cr_assert(slab->base == base && slab->size == 2 * MIB && usage(CLASS_HUGE).kept_bytes == 3 * MIB);
  struct slab *other = legacy_huge_alloc(within(MIB), 16, LEGACY_HUGE, &zeroed);
  cr_assert_eq(other->base, fits, "what does not grow fills the gap");
  legacy_huge_free(other);
  struct slab *taker = legacy_huge_alloc(within(2 * MIB), 16, LEGACY_HUGE, &zeroed);
  cr_assert_eq(taker->base, base + 2 * MIB, "the room belongs to no block");
  slab->base[MIB] = 1;
  slab = legacy_huge_resize(slab, within(3 * MIB));
  cr_assert(slab->base != base && slab->base[MIB] == 1);
  legacy_huge_free(slab);
  legacy_huge_free(taker);
  legacy_huge_free(between);
  legacy_huge_free(behind);
}

/* Grows a block so far that a part of it lies where the directory had nothing, and lets that part serve the next one. */
Test(legacy, memory_that_a_block_grew_into_is_in_the_directory) {
  config.release_delay = 1000000;
  const size_t leaf = (size_t)1 << 32;
  char *const reserved = mmap(NULL, 2 * leaf, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  cr_assert_neq(reserved, MAP_FAILED);
  struct slab *slab = huge(3 * MIB, 16);
  for (int tries = 0; tries < 100 && (slab->base > reserved || slab->base + 4 * MIB < reserved); tries++) slab = huge(3 * MIB, 16); /* fills gaps */
  munmap(reserved, 2 * leaf);
  const char *const base = slab->base;
  slab = legacy_huge_resize(slab, leaf + 3 * MIB);
  if (slab == NULL || slab->base != base) cr_skip_test("the system has no place for 4 GiB, or not there");
  char *const boundary = (char *)align_up((uintptr_t)slab->base + 3 * MIB, leaf);
  slab = legacy_huge_resize(slab, within((size_t)(boundary - slab->base)));
  bool zeroed;
  struct slab *next = legacy_huge_alloc(MIB, 16, LEGACY_HUGE, &zeroed);
  cr_assert(next->base == boundary && directory_slab(boundary) == next);
  legacy_huge_free(next);
  legacy_huge_free(slab);
}

/* The lines of the process's map. */
static unsigned mappings(void) {
  FILE *maps = fopen("/proc/self/maps", "r");
  cr_assert_not_null(maps);
  unsigned lines = 0;
  for (int c; (c = getc(maps)) != EOF;) lines += c == '\n';
  fclose(maps);
  return lines;
}

Test(legacy, a_block_that_grows_by_small_steps_stays_one_mapping) {
  config.release_delay = 0;
  struct slab *slab = huge(3 * MIB, 16);
  const unsigned before = mappings();
  unsigned moves = 0;
  for (size_t size = 3 * MIB; size < 20 * MIB; size += UNIT_SIZE) {
    slab->base[size - 1] = (char)(size / UNIT_SIZE);
    struct slab *behind = moves < 3 && size % MIB == 0 ? huge(3 * MIB, 16) : NULL;
    struct slab *moved = legacy_huge_resize(slab, size + UNIT_SIZE);
    moves += moved->base != slab->base;
    slab = moved;
    cr_assert_eq(slab->base[size - 1], (char)(size / UNIT_SIZE));
    if (behind != NULL) legacy_huge_free(behind);
  }
  cr_assert_leq(moves, 12, "each move has place behind it for half as much again");
  cr_assert_leq(mappings(), before + 4);
  legacy_huge_free(slab);
}

Test(legacy, failed_growth_leaves_nothing) {
  struct slab *slab = huge(4 * MIB, 16);
  const size_t mapped = os_mapped(), usable = slab_usable(slab, slab->base);
  const uint32_t sealed = slab->sealed;
  cr_assert_null(legacy_huge_resize(slab, (size_t)1 << 46));
  cr_assert_leq(os_mapped(), mapped + MIB);
  cr_assert(slab->sealed == sealed && slab_usable(slab, slab->base) == usable, "the block ends where it did");
  legacy_huge_free(slab);
}

Test(legacy, no_memory_is_an_answer) {
  bool zeroed;
  cr_assert_null(legacy_huge_alloc((size_t)1 << 62, 16, LEGACY_HUGE, &zeroed));
  cr_assert_eq(usage(CLASS_HUGE).huge_blocks, 0);
}

Test(legacy, a_block_that_comes_again_keeps_its_seal) {
  config.release_delay = 1000000;
  const size_t size = 3 * MIB + 100, usable = align_up(size, os_page_size());
  struct slab *slab = huge(size, 16);
  const char *const base = slab->base;
  cr_assert_eq(slab_usable(slab, base), usable);
  legacy_huge_free(slab);
  slab = huge(size, 16);
  cr_assert(slab->base == base && slab_usable(slab, base) == usable);
  slab = legacy_huge_resize(slab, size + 2 * os_page_size());
  cr_assert(slab->base == base && slab_usable(slab, base) == slab->size, "what grows is opened");
  memset(slab->base, 1, slab_usable(slab, base));
  legacy_huge_free(slab);
  slab = huge(5 * MIB, 16); /* of several ranges with seals in them, if they joined */
  memset(slab->base, 1, slab_usable(slab, slab->base));
  legacy_huge_free(slab);
}
