/*
 * One table for all threads: each operation puts a new block into a random slot and frees the old one, whichever thread put it there. With n
 * threads, (n - 1) / n of the frees are of another thread's block.
 */
#include "workload.h"

#define PLACES 4096
#define MIN_SIZE 16
#define SIZES 1009

static _Atomic(void *) *table;

static void set_up(unsigned threads) {
  (void)threads;
  table = bench_map(PLACES * sizeof(*table));
}

static void work(struct worker *w) {
  do {
    const uint64_t x = draw(w);
    free_block(atomic_exchange(&table[below((uint32_t)x, PLACES)], new_block(MIN_SIZE + below(x >> 32, SIZES))));
  } while (goes_on(w, 1));
}

static void finish(struct worker *w) {
  for (unsigned i = w->index; i < PLACES; i += w->threads) free_block(table[i]);
}

const struct workload exchange = {.name = "exchange",
                                  .what = "a table shared by all threads: each frees what others put there, 16 to 1024 bytes",
                                  .ops = 11000000,
                                  .set_up = set_up,
                                  .work = work,
                                  .finish = finish};
