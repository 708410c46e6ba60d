/* Address -> slab: what is entered is found, everything else belongs to no slab; the three strategies agree. */
#include "slabs/directory.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "platform/config.h"
#include "events.h"
#include "memory/os.h"
#include "seed.h"

static struct slab *make_slab(char *base, uint32_t cls, uint32_t units) {
  struct slab *slab = calloc(1, sizeof *slab);
  *slab = (struct slab){.base = base, .units = units, .size = units * UNIT_SIZE};
  if (cls < CLASS_COUNT) slab_init(slab, cls);
  slab->cls = cls;
  return slab;
}

static char *map(size_t size, size_t align) {
  int error;
  char *base = os_map(size, align, &error);
  cr_assert_not_null(base);
  cr_assert(directory_prepare(base, size));
  return base;
}

Test(directory, knows_nothing_of_strange_pointers) {
  static int here;
  const void *const strange[] = {
    NULL, (void *)1, &here, strange, (void *)UINTPTR_MAX, (void *)0x8000000000000000u, (void *)0x00007fffffffffff, (void *)0xffff800000000000u, malloc(1)};
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    cr_assert_eq(directory_code(&directory, strange[i]), 0);
    cr_assert_null(directory_slab(strange[i]));
  }
}

static uint32_t class_of_two_units(void) {
  uint32_t cls = 0;
  while (class_slab_units(cls) != 2) cls++;
  return cls;
}

Test(directory, finds_every_byte_of_a_small_slab) {
  char *base = map(4 * UNIT_SIZE, UNIT_SIZE);
  const uint32_t cls = class_of_two_units();
  struct slab *slab = make_slab(base + UNIT_SIZE, cls, 2);
  directory_enter(slab);
  for (char *p = base; p < base + 4 * UNIT_SIZE; p += 37) {
    const bool inside = p >= base + UNIT_SIZE && p < base + 3 * UNIT_SIZE;
    const int8_t code = directory_code(&directory, p);
    if (inside && p >= base + 2 * UNIT_SIZE) cr_assert_leq(code, CODE_FURTHER);
    else cr_assert_eq(code, inside ? (int)cls + 1 : 0);
    cr_assert_eq(directory_slab(p), inside ? slab : NULL);
    cr_assert_eq(directory_code(&directory_blind, p), 0, "the blind directory sees nothing");
    cr_assert_null(directory_slab((char *)((uintptr_t)p | (uintptr_t)1 << 48)), "an address beyond the root belongs to no slab");
  }
  directory_leave(slab);
  cr_assert_eq(directory_code(&directory, base + UNIT_SIZE), 0);
  cr_assert_null(directory_slab(base + 2 * UNIT_SIZE));
}

Test(directory, every_class_has_a_code_of_its_own) {
  uint32_t further = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    cr_assert_gt((int8_t)(cls + 1), 0);
    further += class_slab_units(cls) - 1;
  }
  cr_assert_leq(further, FURTHER_MAX);
}

/* Every address of a slab, in each of its units, and those around it. */
Test(directory, knows_where_blocks_begin) {
  char *base = map((SLAB_UNITS_MAX + 2) * UNIT_SIZE, UNIT_SIZE);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct slab *slab = make_slab(base + UNIT_SIZE, cls, class_slab_units(cls));
    slab_init(slab, cls);
    slab->carved = slab->capacity;
    directory_enter(slab);
    for (char *p = base; p < base + (SLAB_UNITS_MAX + 2) * UNIT_SIZE; p++) {
      const bool begins = p >= slab->base && p < slab->base + slab->size && slab_block_of(slab, p) == p;
      cr_assert_eq(directory_class_at(p), begins ? cls : CLASS_NONE, "class %u, offset %td", cls, p - slab->base);
      cr_assert_eq(directory_begins(cls, p), begins, "class %u, offset %td", cls, p - slab->base);
    }
    directory_leave(slab);
  }
  cr_assert_eq(directory_class_at(NULL), CLASS_NONE);
  cr_assert_not(directory_begins(0, NULL));
}

Test(directory, knows_a_large_block_by_its_first_unit) {
  char *base = map(8 * UNIT_SIZE, UNIT_SIZE);
  struct slab *slab = make_slab(base, CLASS_LARGE, 8);
  directory_enter(slab);
  cr_assert_eq(directory_slab(base), slab);
  cr_assert_null(directory_slab(base + UNIT_SIZE));
  directory_leave(slab);
  cr_assert_null(directory_slab(base));
}

Test(directory, a_slab_may_span_two_leaves) {
  /* A mapping across a multiple of 4 GiB. */
  const size_t leaf_span = (size_t)LEAF_UNITS * UNIT_SIZE;
  char *base = map(leaf_span + 4 * UNIT_SIZE, UNIT_SIZE);
  char *border = (char *)align_up((uintptr_t)base + UNIT_SIZE, leaf_span);
  if (border + UNIT_SIZE > base + leaf_span + 4 * UNIT_SIZE) border = base + 2 * UNIT_SIZE;
  struct slab *slab = make_slab(border - UNIT_SIZE, class_of_two_units(), 2);
  directory_enter(slab);
  cr_assert_eq(directory_slab(border - 1), slab);
  cr_assert_eq(directory_slab(border), slab);
  directory_leave(slab);
}

Test(directory, strategies_agree) {
  enum { COUNT = 40 };
  static struct superslab *superslabs[COUNT];
  for (uint32_t strategy = STRATEGY_HASH; strategy <= STRATEGY_LINEAR; strategy++) {
    config.lookup = strategy;
    const size_t size = config_superslab_size();
    for (int i = 0; i < COUNT; i++) {
      superslabs[i] = calloc(1, superslab_descriptor_size(size));
      superslab_init(superslabs[i], map(size, size), size);
      directory_superslab_came(superslabs[i]);
      bool zeroed;
      for (uint32_t units = 1; units <= 3; units++) {
        struct slab *slab = superslab_take(superslabs[i], units, units, &zeroed);
        slab_init(slab, 5);
        directory_enter(slab);
      }
    }
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < COUNT; i++) {
        const bool there = round == 0 || i % 2 == 1;
        for (uint32_t unit = 0; unit < 8; unit++) {
          const char *p = superslabs[i]->base + unit * UNIT_SIZE + 100;
          uint32_t probes = 0, directory_probes = 0;
          struct slab *found = directory_lookup(p, strategy, &probes);
          cr_assert_eq(found, directory_lookup(p, STRATEGY_DIRECTORY, &directory_probes), "strategy %u unit %u", strategy, unit);
          cr_assert_eq(found != NULL, there && unit < 6);
          cr_assert_eq(directory_probes, 1);
          cr_assert_geq(probes, 1);
          if (strategy == STRATEGY_LINEAR && there && unit < 6) cr_assert_leq(probes, COUNT);
        }
      }
      if (round == 1) break;
      for (int i = 0; i < COUNT; i += 2) { /* every second one goes */
        for (uint32_t u = 0; u < 6; u++) {
          if (superslabs[i]->slabs[u].home == superslabs[i]) directory_leave(&superslabs[i]->slabs[u]);
        }
        directory_superslab_went(superslabs[i]);
      }
    }
    for (int i = 0; i < COUNT; i++) {
      if (i % 2 == 1) directory_superslab_went(superslabs[i]);
    }
  }
}

/* SuperSlabs come and go for as long as a server runs: a search must not walk over the places of those that went. */
Test(directory, the_hash_is_as_fast_after_a_long_run) {
  enum { LIVE = 8, ROUNDS = 200000 };
  static struct superslab *ring[LIVE];
  config.lookup = STRATEGY_HASH;
  const size_t size = config_superslab_size();
  for (int i = 0; i < LIVE; i++) ring[i] = calloc(1, superslab_descriptor_size(size));
  uint64_t at = 1;
  for (int round = 0; round < ROUNDS; round++) {
    struct superslab *ss = ring[round % LIVE];
    if (ss->base != NULL) directory_superslab_went(ss);
    superslab_init(ss, (void *)(uintptr_t)(size * at++), size); /* only its address is looked at */
    directory_superslab_came(ss);
  }
  for (int i = 0; i < LIVE; i++) {
    uint32_t probes;
    directory_lookup(ring[i]->base, STRATEGY_HASH, &probes);
    cr_assert_leq(probes, LIVE + 1, "%u probes for a live one", probes);
    directory_lookup(ring[i]->base + LIVE * size, STRATEGY_HASH, &probes);
    cr_assert_leq(probes, LIVE + 2, "%u probes for one that never was", probes);
  }
}

/* Whatever the order in which they go, those that stay are found by the hash itself. */
Test(directory, the_hash_finds_those_that_stay) {
  enum { COUNT = 3000 };
  static struct superslab *superslabs[COUNT];
  config.lookup = STRATEGY_HASH;
  const size_t size = config_superslab_size();
  srand(test_seed(0));
  uint64_t at = 1;
  for (int i = 0; i < COUNT; i++) {
    superslabs[i] = calloc(1, superslab_descriptor_size(size));
    superslab_init(superslabs[i], (void *)(uintptr_t)(size * (at += 1 + (uint64_t)rand() % 64)), size);
    bool zeroed;
    slab_init(superslab_take(superslabs[i], 1, 1, &zeroed), 5); /* the directory is not told of it: who finds it found it by the hash */
    directory_superslab_came(superslabs[i]);
  }
  for (int gone = 0; gone < COUNT; gone++) {
    const int victim = rand() % (COUNT - gone), last = COUNT - gone - 1;
    directory_superslab_went(superslabs[victim]);
    superslabs[victim] = superslabs[last];
    if (gone % 100 != 0) continue;
    for (int i = 0; i < last; i++) {
      uint32_t probes;
      cr_assert_eq(directory_lookup(superslabs[i]->base, STRATEGY_HASH, &probes), &superslabs[i]->slabs[0]);
    }
  }
}
