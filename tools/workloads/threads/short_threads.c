/*
 * Many short-lived threads: each frees the blocks of the one before, allocates, frees half of its blocks, and ends. So few blocks carry an
 * allocator's cost of a thread (its caches, filled and drained).
 */
#include "workload.h"

#define BLOCKS 200
#define MIN_SIZE 16
#define SIZES 1009

struct life {
  struct worker *worker;
  char *blocks[BLOCKS]; /* the odd ones outlive their thread */
};

static void *live(void *argument) {
  struct life *const life = argument;
  for (unsigned i = 1; i < BLOCKS; i += 2) free_block(life->blocks[i]);
  for (unsigned i = 0; i < BLOCKS; i++) life->blocks[i] = new_block(MIN_SIZE + below(draw(life->worker) >> 32, SIZES));
  for (unsigned i = 0; i < BLOCKS; i += 2) free_block(life->blocks[i]);
  return NULL;
}

static void prepare(struct worker *w) {
  struct life *const life = w->own = bench_map(sizeof(*life));
  life->worker = w;
}

static void work(struct worker *w) {
  do {
    pthread_join(bench_start(live, w->own), NULL);
  } while (goes_on(w, BLOCKS));
}

static void finish(struct worker *w) {
  struct life *const life = w->own;
  for (unsigned i = 1; i < BLOCKS; i += 2) free_block(life->blocks[i]);
}

const struct workload short_threads = {.name = "short_threads",
                                       .what = "threads that end after 200 blocks and leave half of them to the next one",
                                       .ops = 4000000,
                                       .prepare = prepare,
                                       .work = work,
                                       .finish = finish};
