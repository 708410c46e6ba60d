/*
 * Large blocks; each doubling of the size is equally frequent. Every page of a block is written (or read and written, if it must be zero). So the
 * cost includes the page faults for memory that an allocator returned and needs again.
 */
#include "workload.h"

#define BLOCKS 16
#define PAGE 4096
#define HUGE_BLOCKS 20 /* of all threads together */
#define HUGE_SIZE 5000000
#define HUGE_SIZES 20000001
#define HUGE_STEP 65536 /* between the bytes that are written: mostly the cost of the mappings */

static void prepare(struct worker *w) { w->own = bench_map(HUGE_BLOCKS * sizeof(char *)); }

static void finish(struct worker *w) {
  char **const blocks = w->own;
  for (unsigned i = 0; i < HUGE_BLOCKS; i++) free_block(blocks[i]);
}

static void work_large(struct worker *w) {
  char **const blocks = w->own;
  do {
    const uint64_t x = draw(w);
    char **const slot = &blocks[x >> 32 & (BLOCKS - 1)];
    free_block(*slot);
    const size_t size = draw_doubling(spread(x), 15, 24);
    *slot = new_block(size);
    for (size_t at = PAGE; at < size; at += PAGE) (*slot)[at - 1] = 1;
  } while (goes_on(w, 1));
}

static void work_calloc(struct worker *w) {
  char **const blocks = w->own;
  do {
    const uint64_t x = draw(w);
    char **const slot = &blocks[x >> 32 & (BLOCKS - 1)];
    free_block(*slot);
    const size_t size = draw_doubling(spread(x), 15, 22);
    char *const block = calloc(size / 16, 16);
    if (block == NULL) bench_fail("no memory for a block of %zu bytes", size);
    for (size_t at = 0; at < size / 16 * 16; at += PAGE / 4) {
      if (block[at] != 0) bench_fail("byte %zu of a block of calloc is not zero", at);
      block[at] = 1;
    }
    *slot = mark_block(block, size / 16 * 16);
  } while (goes_on(w, 1));
}

static void work_huge(struct worker *w) {
  char **const blocks = w->own;
  const uint64_t own = w->threads < HUGE_BLOCKS ? HUGE_BLOCKS / w->threads : 1;
  do {
    const uint64_t x = draw(w);
    char **const slot = &blocks[below((uint32_t)x, own)];
    free_block(*slot);
    const size_t size = HUGE_SIZE + below(x >> 32, HUGE_SIZES);
    *slot = new_block(size);
    for (size_t at = HUGE_STEP; at < size - 1; at += HUGE_STEP) (*slot)[at] = 1;
  } while (goes_on(w, 1));
}

const struct workload large = {
  .name = "large", .what = "blocks of 32 KiB to 16 MiB, every page written", .ops = 4000, .prepare = prepare, .work = work_large, .finish = finish};

const struct workload calloc_large = {.name = "calloc_large",
                                      .what = "zeroed blocks of 32 KiB to 4 MiB, every page read and written",
                                      .ops = 8000,
                                      .prepare = prepare,
                                      .work = work_calloc,
                                      .finish = finish};

const struct workload huge = {
  .name = "huge", .what = "blocks of 5 to 25 MB, 20 kept, every sixteenth page written", .ops = 6000, .prepare = prepare, .work = work_huge, .finish = finish};
