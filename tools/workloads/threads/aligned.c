/* Aligned blocks, in a table of each thread: alignments from 32 to 4096 with equal frequency, by posix_memalign or aligned_alloc. */
#include "workload.h"

#define PLACES 1024
#define SIZES 4081
#define MIN_SIZE 16

static void prepare(struct worker *w) { w->own = bench_map(PLACES * sizeof(void *)); }

static void *aligned_block(size_t align, size_t size, bool posix) {
  void *block = NULL;
  if (!posix) {
    block = aligned_alloc(align, size);
  } else if (posix_memalign(&block, align, size) != 0) {
    block = NULL;
  }
  if (((uintptr_t)block & (align - 1)) != 0) bench_fail("the block at %p is not aligned to %zu bytes", block, align);
  return mark_block(block, size);
}

static void work(struct worker *w) {
  void **const table = w->own;
  do {
    const uint64_t x = draw(w), y = draw(w);
    void **const place = &table[below((uint32_t)x, PLACES)];
    const size_t align = (size_t)32 << below((uint32_t)y, 8), size = MIN_SIZE + below(x >> 32, SIZES);
    free_block(*place);
    *place = y >> 63 != 0 ? aligned_block(align, size, true) : aligned_block(align, (size + align - 1) & ~(align - 1), false);
  } while (goes_on(w, 1));
}

static void finish(struct worker *w) {
  void **const table = w->own;
  for (unsigned i = 0; i < PLACES; i++) free_block(table[i]);
}

const struct workload aligned = {.name = "aligned",
                                 .what = "posix_memalign and aligned_alloc, alignments 32 to 4096, up to 4096 bytes",
                                 .ops = 4000000,
                                 .prepare = prepare,
                                 .work = work,
                                 .finish = finish};
