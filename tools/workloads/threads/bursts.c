/*
 * Bursts: each thread fills up to thousands of blocks, frees them all in one of four orders, works with few blocks for a while, and fills again.
 * Memory that an allocator returns after each burst must be fetched again for the next one. Memory that it keeps is still resident when all blocks
 * are freed.
 */
#include "workload.h"

#define MOST 20000 /* blocks of a burst */
#define QUIET 2000 /* operations between bursts, with FEW blocks */
#define FEW 16
#define MIN_SIZE 16
#define SIZES 1009

static void prepare(struct worker *w) { w->own = bench_map(MOST * sizeof(char *)); }

static char *draw_block(struct worker *w) { return new_block(MIN_SIZE + below(draw(w) >> 32, SIZES)); }

static void swap(char **a, char **b) {
  char *const t = *a;
  *a = *b;
  *b = t;
}

static void shuffle(struct worker *w, char **blocks, uint64_t count) {
  for (uint64_t i = count; i > 1; i--) swap(&blocks[i - 1], &blocks[below(draw(w) >> 32, i)]);
}

/* The last first, the first first, at random, every other one first. */
static void free_all(struct worker *w, char **blocks, uint64_t count) {
  switch (below(draw(w) >> 32, 4)) {
    case 0:
      for (uint64_t i = count; i > 0; i--) free_block(blocks[i - 1]);
      return;
    case 1: break;
    case 2: shuffle(w, blocks, count); break;
    default:
      for (uint64_t i = 1; i < count; i += 2) free_block(blocks[i]);
      for (uint64_t i = 0; i < count; i += 2) free_block(blocks[i]);
      return;
  }
  for (uint64_t i = 0; i < count; i++) free_block(blocks[i]);
}

static void be_quiet(struct worker *w, char **blocks) {
  for (unsigned i = 0; i < FEW; i++) blocks[i] = NULL;
  for (unsigned i = 0; i < QUIET; i++) {
    free_block(blocks[i % FEW]);
    blocks[i % FEW] = draw_block(w);
  }
  for (unsigned i = 0; i < FEW; i++) free_block(blocks[i]);
}

static void work(struct worker *w) {
  char **const blocks = w->own;
  uint64_t count;
  do {
    count = 1 + below(draw(w) >> 32, MOST);
    for (uint64_t i = 0; i < count; i++) blocks[i] = draw_block(w);
    free_all(w, blocks, count);
    be_quiet(w, blocks);
  } while (goes_on(w, count + QUIET));
}

const struct workload bursts = {
  .name = "bursts", .what = "up to 20000 blocks of 16 to 1024 bytes, all freed again, over and over", .ops = 12000000, .prepare = prepare, .work = work};
