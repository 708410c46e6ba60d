/* A SuperSlab's units against a shadow; a slab's blocks. */
#include "slabs/superslab.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory/os.h"

static struct broken_link broken; /* what slab_take found */

/* Aligned address space; only what a test touches gets memory. */
static char *span(size_t size, size_t align) {
  char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  cr_assert_neq(p, MAP_FAILED);
  return (char *)align_up((uintptr_t)p, align);
}

static uint64_t random_state = 0x853c49e6748fea9bu;

static uint32_t below(uint32_t limit) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 33) % limit;
}

static void touch(char *base, size_t pages) {
  for (size_t i = 0; i < pages; i++) base[i * os_page_size()] = 1;
}

Test(superslab, what_was_unmapped_is_not_resident) {
  const size_t size = 2 * MIB;
  char *base = span(size, size);
  madvise(base, size, MADV_NOHUGEPAGE);
  struct superslab *ss = calloc(1, superslab_descriptor_size(size));
  superslab_init(ss, base, size);
  bool zeroed;
  struct slab *first = superslab_take(ss, 3, 3, &zeroed), *given = superslab_take(ss, 2, 2, &zeroed), *last = superslab_take(ss, 1, 1, &zeroed);
  touch(first->base, 5);
  touch(given->base, 7);
  touch(last->base, 2);
  superslab_give(ss, given, true);
  cr_assert_eq(superslab_resident(ss), 14 * os_page_size());
  uint32_t at = (uint32_t)(last - ss->slabs) + 1;
  const uint32_t units = superslab_lose(ss, &at);
  cr_assert_gt(units, 0);
  first->size -= UNIT_SIZE + 2 * os_page_size();
  ss->torn = true;
  munmap(base + (at - units) * UNIT_SIZE, units * UNIT_SIZE);
  munmap(first->base + first->size, UNIT_SIZE + 2 * os_page_size());
  cr_expect_eq(superslab_resident(ss), 14 * os_page_size());
  char *others = mmap(first->base + first->size, UNIT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  cr_assert_eq(others, first->base + first->size);
  touch(others, 3);
  cr_expect_eq(superslab_resident(ss), 14 * os_page_size());
}

Test(superslab, units_against_a_shadow) {
  for (size_t size = 512 * KIB; size <= 4 * MIB; size *= 2) {
    struct superslab *ss = calloc(1, superslab_descriptor_size(size));
    superslab_init(ss, span(size, size), size);
    cr_assert(superslab_is_valid(ss));
    const uint32_t units = (uint32_t)(size / UNIT_SIZE);
    bool used[SUPERSLAB_UNITS_MAX] = {false}, dirty[SUPERSLAB_UNITS_MAX] = {false}, aged[SUPERSLAB_UNITS_MAX] = {false};
    struct slab *taken[SUPERSLAB_UNITS_MAX];
    uint32_t count = 0;
    for (int step = 0; step < 20000; step++) {
      if (below(2) == 0) {
        const uint32_t want = 1 + below(units / 2);
        bool zeroed = false;
        struct slab *slab = superslab_take(ss, want, want, &zeroed);
        bool possible = false;
        for (uint32_t u = 0, run = 0; u < units; u++) {
          run = used[u] ? 0 : run + 1;
          possible |= run >= want;
        }
        cr_assert_eq(slab != NULL, possible, "%u units", want);
        if (slab == NULL) continue;
        const uint32_t first = (uint32_t)((slab->base - ss->base) / (ptrdiff_t)UNIT_SIZE);
        cr_assert_eq(slab, &ss->slabs[first]);
        cr_assert(slab->units == want && slab->size == want * UNIT_SIZE && slab->home == ss);
        bool was_dirty = false;
        for (uint32_t u = first; u < first + want; u++) {
          cr_assert_not(used[u]);
          was_dirty |= dirty[u];
          used[u] = true;
          dirty[u] = aged[u] = false;
        }
        cr_assert_eq(zeroed, !was_dirty);
        taken[count++] = slab;
      } else if (count > 0 && below(3) == 0) {
        struct slab *slab = taken[below(count)];
        const uint32_t first = (uint32_t)(slab - ss->slabs), before = slab->units, wanted = 1 + below(units / 2);
        bool possible = first + wanted <= units;
        for (uint32_t u = first + before; possible && u < first + wanted; u++) possible = !used[u];
        cr_assert_eq(superslab_resize(ss, slab, wanted), possible);
        cr_assert_eq(slab->units, possible ? wanted : before);
        for (uint32_t u = first + before; possible && u < first + wanted; u++) used[u] = true, dirty[u] = aged[u] = false;
        for (uint32_t u = first + wanted; possible && u < first + before; u++) used[u] = false, dirty[u] = true;
      } else if (count > 0) {
        const uint32_t i = below(count);
        struct slab *slab = taken[i];
        taken[i] = taken[--count];
        const uint32_t first = (uint32_t)(slab - ss->slabs);
        const bool is_dirty = below(4) != 0;
        for (uint32_t u = first; u < first + slab->units; u++) used[u] = aged[u] = false, dirty[u] = is_dirty;
        superslab_give(ss, slab, is_dirty);
      } else if (below(4) == 0) {
        superslab_age(ss);
        for (uint32_t u = 0; u < units; u++) aged[u] = dirty[u];
      } else if (below(3) == 0) {
        struct slab *run = superslab_take_aged(ss);
        if (run == NULL) continue;
        const uint32_t first = (uint32_t)(run - ss->slabs);
        for (uint32_t u = first; u < first + run->units; u++) {
          cr_assert(aged[u] && !used[u]);
          dirty[u] = aged[u] = false;
        }
        superslab_give(ss, run, false);
      }
      cr_assert(superslab_is_valid(ss));
      uint32_t in_use = 0;
      for (uint32_t u = 0; u < units; u++) {
        in_use += used[u];
        cr_assert_eq(ss->free_mask >> u & 1, !used[u]);
        cr_assert_eq(ss->dirty_mask >> u & 1, dirty[u]);
        cr_assert_eq(ss->aged_mask >> u & 1, aged[u]);
      }
      cr_assert_eq(ss->used_units, in_use);
    }
    free(ss);
  }
}

/* A slab of a class, standing alone. */
static struct slab *new_slab(uint32_t cls) {
  struct slab *slab = calloc(1, sizeof *slab);
  slab->units = class_slab_units(cls);
  slab->size = slab->units * UNIT_SIZE;
  slab->base = span(slab->size, UNIT_SIZE);
  slab_init(slab, cls);
  return slab;
}

Test(slab, every_class_carves_all_its_blocks_once) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct slab *slab = new_slab(cls);
    cr_assert(slab_is_valid(slab));
    cr_assert_geq(slab->capacity, 1);
    char *expected = slab->base + slab->first;
    uint32_t seen = 0;
    while (!slab_is_full(slab)) {
      struct chain chain = CHAIN_EMPTY;
      slab_take(slab, 7, &chain, &broken);
      cr_assert(chain.count > 0 && chain.count <= 7);
      for (struct block *block = chain.head; block != BLOCK_END; block = block_next(block)) {
        cr_assert_eq((char *)block, expected, "carving goes up in order of address");
        cr_assert_eq((uintptr_t)block % MIN_ALIGN, 0);
        cr_assert_eq(header_get(block), HEADER_FREE);
        expected += slab->stride;
        seen++;
      }
      cr_assert_eq(slab_used(slab), seen);
    }
    cr_assert_eq(seen, slab->capacity);
    cr_assert_leq(expected, slab->base + slab->size);
    struct chain none = CHAIN_EMPTY;
    slab_take(slab, 5, &none, &broken);
    cr_assert_eq(none.count, 0);
    free(slab);
  }
}

Test(slab, blocks_given_back_come_first) {
  struct slab *slab = new_slab(10);
  struct chain chain = CHAIN_EMPTY;
  slab_take(slab, 20, &chain, &broken);
  struct block *a = chain.head, *b = block_next(a);
  slab_give(slab, a);
  slab_give(slab, b);
  cr_assert(slab_is_valid(slab));
  cr_assert_eq(slab_used(slab), 18);
  struct chain again = CHAIN_EMPTY;
  slab_take(slab, 2, &again, &broken);
  cr_assert((again.head == a && block_next(again.head) == b) || (again.head == b && block_next(again.head) == a));
  cr_assert_eq(slab->carved, 20, "nothing new was carved");
  free(slab);
}

/* In whatever order they were freed; a broken link stays until a thread pops it. */
Test(slab, blocks_given_back_are_taken_in_order_of_address) {
  struct slab slab = {.base = span(UNIT_SIZE, UNIT_SIZE), .size = UNIT_SIZE, .units = 1};
  slab_init(&slab, 3);
  struct chain chain = CHAIN_EMPTY;
  slab_take(&slab, slab.capacity, &chain, &broken);
  struct block *blocks[SLAB_BLOCKS_MAX];
  const uint32_t count = chain.count;
  for (uint32_t i = 0; i < count; i++) {
    blocks[i] = chain.head;
    chain.head = block_next(chain.head);
  }
  for (uint32_t i = count - 1; i > 0; i--) {
    const uint32_t other = below(i + 1);
    struct block *block = blocks[i];
    blocks[i] = blocks[other];
    blocks[other] = block;
  }
  for (uint32_t i = 0; i < count / 2; i++) slab_give(&slab, blocks[i]);
  chain = CHAIN_EMPTY;
  slab_take(&slab, count / 4, &chain, &broken);
  cr_assert(slab_is_valid(&slab));
  cr_assert_eq(chain.count, count / 4);
  const struct block *last = NULL;
  for (uint32_t i = 0; i < count / 4; i++) {
    cr_assert_gt(chain.head, last);
    last = chain.head;
    chain.head = block_next(chain.head);
  }
  cr_assert_gt(slab.free, last, "the rest lies behind them");
  for (uint32_t i = count / 2; i < count; i++) slab_give(&slab, blocks[i]);
  cr_assert(slab_is_valid(&slab));
  *(void **)slab.free = (void *)(uintptr_t)0x1230;
  chain = CHAIN_EMPTY;
  slab_take(&slab, 1, &chain, &broken);
  cr_assert(chain.count == 0 && broken.block == blocks[count - 1]);
}

Test(slab, finds_the_block_around_any_pointer) {
  static const uint32_t some[] = {0, 7, 8, 30, 64, 72};
  for (unsigned i = 0; i < sizeof some / sizeof some[0]; i++) {
    struct slab *slab = new_slab(some[i]);
    struct chain chain = CHAIN_EMPTY;
    slab_take(slab, 3, &chain, &broken);
    for (const char *p = slab->base; p < slab->base + slab->size; p++) {
      const size_t offset = (size_t)(p - slab->base);
      const bool inside = offset >= slab->first && (offset - slab->first) / slab->stride < slab->carved;
      const char *expected = inside ? slab->base + slab->first + (offset - slab->first) / slab->stride * slab->stride : NULL;
      cr_assert_eq(slab_block_of(slab, p), (void *)(uintptr_t)expected);
      if (inside) cr_assert_eq(slab_usable(slab, p), (size_t)(expected + slab->stride - 1 - p));
    }
    free(slab);
  }
}

Test(slab, counts_the_live) {
  struct slab *slab = new_slab(5);
  struct chain chain = CHAIN_EMPTY;
  slab_take(slab, 10, &chain, &broken);
  cr_assert_eq(slab_count_live(slab), 0);
  struct block *block = chain.head;
  for (int i = 0; i < 4; i++, block = block_next(block)) header_set(block, header_live(5));
  cr_assert_eq(slab_count_live(slab), 4);
  free(slab);
}

/* For every state of a slab: used pages keep their content, only free pages are returned, and no thread gets a block of the tail meanwhile. */
Test(slab, a_free_tail_goes) {
  for (int round = 0; round < 400; round++) {
    struct slab *slab = new_slab(below(CLASS_COUNT));
    struct chain chain = CHAIN_EMPTY;
    slab_take(slab, 1 + below(slab->capacity), &chain, &broken);
    static struct block *used[SLAB_BLOCKS_MAX];
    uint32_t count = 0, odds = 1 + below(30), last = 0;
    while (chain.count > 0) {
      struct block *block = chain.head;
      chain.head = block_next(block);
      chain.count--;
      if (below(odds) == 0) used[count++] = block;
      else slab_give(slab, block);
    }
    for (uint32_t i = 0; i < count; i++) {
      header_set(used[i], header_live(slab->cls));
      memset(used[i], (int)i, slab->stride - 1);
      const uint32_t index = (uint32_t)((char *)used[i] - slab->base - slab->first) / slab->stride;
      if (index >= last) last = index + 1;
    }
    const uint32_t carved = slab->carved, capacity = slab->capacity;
    const size_t page = 4096;
    const uint32_t least = below(2) == 0 ? 1 : 4 * 4096;
    struct slab_tail tail;
    const bool goes = slab_trim_begin(slab, least, &tail);
    cr_assert(slab_is_valid(slab));
    const uint32_t kept = last < carved ? last + 1 : last;
    const size_t size = slab->size - align_up(slab->first + (size_t)kept * slab->stride, page);
    if (slab->first + (size_t)kept * slab->stride > slab->size - page || size < least || kept == capacity) {
      cr_assert_not(goes);
      cr_assert(slab->carved == carved && slab->capacity == capacity && slab_used(slab) == count);
    } else {
      cr_assert(goes && tail.slab == slab && tail.size == size && tail.base + size == slab->base + slab->size);
      cr_assert_eq(slab_used(slab), count + 1, "it is not empty meanwhile");
      cr_assert(slab->carved == kept && slab->capacity == capacity && slab_room(slab) == 0);
      struct slab_tail again;
      cr_assert_not(slab_trim_begin(slab, 1, &again));
      memset(tail.base, 0xdb, tail.size);
      slab_take(slab, 3, &chain, &broken);
      for (const struct block *block = chain.head; block != BLOCK_END; block = block_next(block)) cr_assert_lt((const char *)block, tail.base);
      while (chain.count > 0) {
        struct block *block = chain.head;
        chain.head = block_next(block);
        chain.count--;
        slab_give(slab, block);
      }
      slab_trim_end(slab);
      cr_assert(slab_is_valid(slab));
      cr_assert(slab_used(slab) == count && slab->capacity == capacity && slab->carved == kept && slab->reached >= carved);
      for (uint32_t i = kept; i < slab->reached; i++) {
        const char *p = slab->base + slab->first + (size_t)i * slab->stride;
        cr_assert(slab_was_block(slab, p) && !slab_was_block(slab, p + 1) && slab_block_of(slab, p) == NULL);
      }
      cr_assert_not(slab_was_block(slab, slab->base + slab->first), "it is there still");
    }
    for (uint32_t i = 0; i < count; i++) {
      cr_assert(header_is(used[i], header_live(slab->cls)));
      for (uint32_t b = 0; b + 1 < slab->stride; b++) cr_assert_eq(((unsigned char *)used[i])[b], (unsigned char)i);
    }
    cr_assert_eq(slab_count_live(slab), count);
    chain = CHAIN_EMPTY;
    slab_take(slab, capacity, &chain, &broken);
    cr_assert_eq(chain.count, capacity - count, "every other block can be had");
    munmap(slab->base, slab->size);
    free(slab);
  }
}

/* Who takes it next finds it, and reports it; until then the tail stays as it is. */
Test(slab, a_tail_with_a_broken_block_stays) {
  struct slab *slab = new_slab(5);
  struct chain chain = CHAIN_EMPTY;
  struct slab_tail tail;
  slab_take(slab, 50, &chain, &broken);
  for (int i = 0; i < 50; i++) {
    struct block *block = chain.head;
    chain.head = block_next(block);
    slab_give(slab, block);
  }
  header_set(slab->free, 0);
  cr_assert_not(slab_trim_begin(slab, 1, &tail));
  header_set(slab->free, HEADER_FREE);
  block_link(slab->free, slab->free);
  slab->trimmed = 0;
  cr_assert_not(slab_trim_begin(slab, 1, &tail));
  cr_assert(slab->carved == 50 && slab->free_count == 50);
}

Test(slab, a_broken_link_takes_its_block_and_the_rest_out) {
  for (uint32_t at = 0; at < 50; at += 7) { /* 49: the last one, which leads to the end */
    struct slab *slab = new_slab(5);
    struct chain chain = CHAIN_EMPTY;
    slab_take(slab, 50, &chain, &broken);
    struct block *blocks[50];
    for (int i = 0; i < 50; i++) {
      blocks[i] = chain.head;
      chain.head = block_next(chain.head);
    }
    for (int i = 50; i > 0; i--) slab_give(slab, blocks[i - 1]);
    slab->given = 0; /* in order already */
    blocks[at]->word ^= UINT64_C(1) << at;
    broken = (struct broken_link){0};
    chain = CHAIN_EMPTY;
    slab_take(slab, 50, &chain, &broken);
    cr_assert(broken.block == blocks[at] && broken.lost == 49 - at && broken.word == blocks[at]->word, "%u", at);
    cr_assert_eq(chain.count, at);
    cr_assert(slab->free == BLOCK_END && slab->free_count == 0 && slab_is_valid(slab));
    cr_assert_eq(slab_used(slab), 50, "what is lost counts as used");
    free(slab);
  }
}

Test(slab, validity_sees_damage) {
  struct slab *slab = new_slab(5);
  struct chain chain = CHAIN_EMPTY;
  slab_take(slab, 10, &chain, &broken);
  slab_give(slab, chain.head);
  cr_assert(slab_is_valid(slab));
  slab->free_count++;
  cr_assert_not(slab_is_valid(slab));
  slab->free_count--;
  slab->free = (struct block *)(slab->base + slab->first + 8);
  cr_assert_not(slab_is_valid(slab));
  free(slab);
}

Test(superslab, what_is_gone_comes_back_with_nothing) {
  const size_t size = 512 * KIB; /* 8 units */
  struct superslab *ss = calloc(1, superslab_descriptor_size(size));
  superslab_init(ss, span(size, size), size);
  bool zeroed;
  struct slab *cut = superslab_take(ss, 3, 3, &zeroed), *whole = superslab_take(ss, 2, 2, &zeroed);
  uint32_t at = 0;
  cr_assert_eq(superslab_lose(ss, &at), 3);
  cr_assert(at == 8 && superslab_lose(ss, &at) == 0);
  cr_assert(superslab_is_valid(ss) && !superslab_is_open(ss));
  cut->size -= UNIT_SIZE / 2;
  cr_assert_not(superslab_resize(ss, cut, 2), "it stays as it is until it goes");
  superslab_give(ss, cut, true);
  cr_assert(superslab_is_valid(ss) && superslab_is_open(ss) && ss->free_mask == 3);
  cr_assert_null(superslab_take(ss, 3, 3, &zeroed));
  superslab_give(ss, whole, true);
  cr_assert(superslab_is_valid(ss) && ss->used_units == 0 && ss->free_mask == (3 | 3 << 3));
}

Test(superslab, a_run_lies_where_it_fits_best) {
  const size_t size = 2 * MIB; /* 32 units */
  struct superslab *ss = calloc(1, superslab_descriptor_size(size));
  superslab_init(ss, span(size, size), size);
  bool zeroed;
  struct slab *runs[7]; /* of 5, 1, 3, 1, 9, 1 and 12 units */
  static const uint32_t units[] = {5, 1, 3, 1, 9, 1, 12};
  for (int i = 0; i < 7; i++) cr_assert_not_null(runs[i] = superslab_take(ss, units[i], units[i], &zeroed));
  for (int i = 0; i < 5; i += 2) superslab_give(ss, runs[i], true);
  cr_assert_eq(superslab_find(ss, 3, 3).unit, 6, "the shortest that has it");
  cr_assert_eq(superslab_find(ss, 3, 5).unit, 0, "with the room");
  cr_assert_eq(superslab_find(ss, 3, 11).unit, 10, "or the longest");
  cr_assert_eq(superslab_find(ss, 10, 10).waste, UINT32_MAX);
  superslab_give(ss, runs[6], false);
  cr_assert_eq(superslab_find(ss, 9, 9).unit, 10, "what has memory behind it comes first");
  cr_assert_eq(superslab_find(ss, 10, 10).unit, 20);
}
