/*
 * One size at a time, many live blocks. Each thread fills 6 MB with blocks of one size, frees every third of them, and fills the gaps. Then it frees all
 * of them in the order of their allocation, and goes on with another size. So an allocator's memory for one size is of no use to the next one, unless it can give
 * whole pieces from one size to another.
 */
#include "workload.h"

#define MEMORY 6000000
#define MOST 60000 /* blocks */
#define LOW_BITS 4 /* 16 bytes */
#define HIGH_BITS 11

static void prepare(struct worker *w) { w->own = bench_map(MOST * sizeof(void *)); }

static void work(struct worker *w) {
  void **const blocks = w->own;
  uint64_t count, gaps;
  do {
    const size_t size = draw_doubling(spread(draw(w)), LOW_BITS, HIGH_BITS);
    count = MEMORY / size < MOST ? MEMORY / size : MOST;
    gaps = (count + 2) / 3;
    for (uint64_t i = 0; i < count; i++) blocks[i] = new_block(size);
    for (uint64_t i = 0; i < count; i += 3) free_block(blocks[i]);
    for (uint64_t i = 0; i < count; i += 3) blocks[i] = new_block(size);
    for (uint64_t i = 0; i < count; i++) free_block(blocks[i]);
  } while (goes_on(w, count + gaps));
}

const struct workload one_size = {
  .name = "one_size", .what = "6 MB of blocks of one size, then of another, 16 to 2047 bytes", .ops = 12000000, .prepare = prepare, .work = work};
