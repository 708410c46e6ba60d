/* What can be reached, against random graphs of blocks. */
#include "modes/reach.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/config.h"
#include "modes/modes.h"
#include "slabs/directory.h"
#include "hakmem.h"
#include "memory/os.h"
#include "threads/tls_sll.h"
#include "seed.h"

#define BLOCKS 400
#define EDGES 3

static struct {
  char *start;
  size_t size;
  int to[EDGES];
  int kind;
} block[BLOCKS];
static void *roots[BLOCKS];

/* Every size is another one, so that it tells which block is meant. */
static size_t size_of(int i) { return i % 50 == 0 ? 100000 + (size_t)i : i % 77 == 0 ? 3000000 + (size_t)i : 64 + (size_t)i * 16; }

static void on_block(enum leak_kind kind, size_t bytes, uint32_t stack) {
  (void)stack;
  for (int i = 0; i < BLOCKS; i++) {
    if (block[i].size != bytes) continue;
    cr_assert_eq(block[i].kind, -1, "block %d is reported twice", i);
    block[i].kind = (int)kind;
    return;
  }
}

static void make_blocks(void) {
  for (int i = 0; i < BLOCKS; i++) {
    block[i].size = size_of(i);
    block[i].start = hak_malloc(block[i].size);
    block[i].kind = -1;
    memset(block[i].start, 0, block[i].size);
  }
}

/* A pointer to somewhere in block `to`, at a random place in block `from`. */
static void connect(int from, int slot, int to) {
  const size_t part = block[from].size / EDGES / sizeof(void *) * sizeof(void *);
  char *place = block[from].start + (size_t)slot * part + (size_t)rand() % (part / sizeof(void *)) * sizeof(void *);
  *(void **)place = block[to].start + (size_t)rand() % block[to].size;
  block[from].to[slot] = to;
}

/* Marks block `i`, and all that it leads to. */
static void mark(int i, bool marked[BLOCKS]) {
  if (i < 0 || marked[i]) return;
  marked[i] = true;
  for (int e = 0; e < EDGES; e++) mark(block[i].to[e], marked);
}

static void check(unsigned seed, int edges_of_10, int root_count) {
  srand(test_seed(seed));
  make_blocks();
  bool reached[BLOCKS] = {0}, referred[BLOCKS] = {0}, led[BLOCKS] = {0};
  for (int i = 0; i < BLOCKS; i++) {
    for (int e = 0; e < EDGES; e++) {
      block[i].to[e] = -1;
      if (rand() % 10 < edges_of_10) connect(i, e, rand() % BLOCKS);
    }
  }
  for (int n = 0; n < root_count; n++) {
    const int i = rand() % BLOCKS;
    roots[n] = block[i].start + (size_t)rand() % block[i].size;
    mark(i, reached);
  }
  cr_assert(reach_begin(seed % 2 == 0));
  reach_from((uintptr_t)roots, (uintptr_t)(roots + root_count));
  if (seed % 3 == 0) reach_again();
  reach_end(on_block);
  for (int i = 0; i < BLOCKS; i++) {
    cr_assert_neq(block[i].kind, -1, "block %d is not told", i);
    cr_assert_eq(block[i].kind == LEAK_REACHABLE, reached[i], "block %d of %zu bytes is %d", i, block[i].size, block[i].kind);
    for (int e = 0; e < EDGES && !reached[i]; e++) {
      if (block[i].to[e] >= 0 && block[i].to[e] != i) referred[block[i].to[e]] = true;
    }
    for (int e = 0; e < EDGES && block[i].kind == LEAK_LOST; e++) mark(block[i].to[e], led);
  }
  for (int i = 0; i < BLOCKS; i++) {
    if (reached[i]) continue;
    if (!referred[i]) cr_assert_eq(block[i].kind, LEAK_LOST, "nothing leads to block %d", i);
    if (block[i].kind == LEAK_INDIRECT) cr_assert(led[i], "no lost block leads to block %d", i);
  }
}

/* As HAKMEM_LEAKS=1 does it. */
static void record_all(void) {
  config.leaks = 1;
  modes_resolve(false);
  sll_go_slow(true);
}

/* The process ends without a report of its own. */
static void be_quiet(void) { config.leaks = 0; }

TestSuite(reach, .init = record_all, .fini = be_quiet);

#define GRAPH(name, seed, edges, count) \
  Test(reach, name) { check(seed, edges, count); }
GRAPH(nothing_leads_anywhere, 1, 0, 5)
GRAPH(few_edges, 2, 1, 20)
GRAPH(trees_and_rings, 3, 3, 3)
GRAPH(many_edges, 4, 6, 2)
GRAPH(no_roots, 5, 3, 0)
GRAPH(no_roots_and_few_edges, 6, 1, 0)

/* Freed blocks, and their memory in new ones, are reached by nothing. */
Test(reach, freed_blocks_are_not_told) {
  make_blocks();
  for (int i = 0; i < BLOCKS; i += 2) {
    hak_free(block[i].start);
    block[i].size = 0;
  }
  for (int i = 0; i < BLOCKS; i++) roots[i] = block[i].start;
  cr_assert(reach_begin(true));
  reach_from((uintptr_t)roots, (uintptr_t)(roots + BLOCKS));
  reach_end(on_block);
  for (int i = 0; i < BLOCKS; i++) cr_assert_eq(block[i].kind, i % 2 == 0 ? -1 : LEAK_REACHABLE);
}

static unsigned half_filled_told;
static void on_half_filled(enum leak_kind kind, size_t bytes, uint32_t stack) {
  (void)kind, (void)stack;
  half_filled_told += bytes == 54321;
}

/* Another thread may be about to fill in a descriptor, or have purged it: what makes no sense is no block. */
Test(reach, half_filled_descriptors_are_passed_over) {
  int error;
  char *base = os_map(4 * UNIT_SIZE, UNIT_SIZE, &error);
  cr_assert(base != NULL && directory_prepare(base, 4 * UNIT_SIZE));
  struct slab slabs[3] = {{.base = base, .cls = CLASS_ROWS + 3, .size = UNIT_SIZE, .requested = 54321},
                          {.base = base + UNIT_SIZE, .cls = 5, .stride = class_stride(5), .carved = UINT32_MAX, .units = 1, .size = UNIT_SIZE},
                          {.base = base + 2 * UNIT_SIZE, .cls = CLASS_HUGE, .size = 0, .requested = 54321}};
  for (int i = 0; i < 3; i++) directory_enter(&slabs[i]);
  make_blocks();
  for (int i = 0; i < BLOCKS; i++) roots[i] = block[i].start;
  cr_assert(reach_begin(true));
  reach_from((uintptr_t)roots, (uintptr_t)(roots + BLOCKS));
  reach_end(on_half_filled);
  cr_assert_eq(half_filled_told, 0);
  for (int i = 0; i < 3; i++) {
    slabs[i].cls = i == 1 ? 5 : CLASS_HUGE;
    directory_leave(&slabs[i]);
  }
}
