/*
 * Large blocks; each doubling of the size is equally frequent. Every page of a block is written (or read and written, if it must be zero). So the
 * cost includes the page faults for memory that an allocator returned and needs again.
 */
#include "workload.h"

#define BLOCKS 16
#define PAGE 4096

static void prepare(struct worker *w) { w->own = bench_map(BLOCKS * sizeof(char *)); }

static void finish(struct worker *w) {
  char **const blocks = w->own;
  for (unsigned i = 0; i < BLOCKS; i++) free_block(blocks[i]);
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

const struct workload large = {"large", "blocks of 32 KiB to 16 MiB, every page written", 4000, NULL, prepare, work_large, finish};

const struct workload calloc_large = {"calloc_large", "zeroed blocks of 32 KiB to 4 MiB, every page read and written", 8000, NULL, prepare, work_calloc,
                                      finish};
