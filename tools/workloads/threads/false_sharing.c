/*
 * False sharing: two threads that write to their own blocks in one cache line slow each other down.
 *
 *   active    the allocator gives neighbouring blocks to threads that allocate at the same time
 *   passive   the program does it: the main thread allocates neighbouring blocks and passes them to the threads, which free them;
 *             if an allocator then gives each thread its block back, both share one line for ever
 */
#include "workload.h"

#define WRITES 400
#define SIZE sizeof(struct mark)

static void **first_blocks; /* one of each thread: neighbours */

static void set_up_passive(unsigned threads) {
  first_blocks = bench_map(threads * sizeof(*first_blocks));
  for (unsigned i = 0; i < threads; i++) first_blocks[i] = new_block(SIZE);
}

static void free_first(struct worker *w) { free_block(first_blocks[w->index]); }

static void work(struct worker *w) {
  do {
    void *const block = new_block(SIZE);
    volatile struct mark *const mark = block;
    for (unsigned i = 0; i < WRITES; i++) mark->size += 2;
    for (unsigned i = 0; i < WRITES; i++) mark->size -= 2;
    free_block(block);
  } while (goes_on(w, 1));
}

const struct workload passive_false_sharing = {.name = "passive_false_sharing",
                                               .what = "threads free neighbouring blocks of the main thread and write to small ones of their own",
                                               .ops = 1500000,
                                               .set_up = set_up_passive,
                                               .prepare = free_first,
                                               .work = work};

const struct workload active_false_sharing = {
  .name = "active_false_sharing", .what = "threads ask at the same time for small blocks and write to them", .ops = 1500000, .work = work};
