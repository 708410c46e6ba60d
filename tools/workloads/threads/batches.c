/*
 * Batches that change hands under one lock: the even threads allocate, the odd ones free, and any of these takes what any of those gave. So a block's
 * next owner is another thread each time, and an allocator sees frees from many threads at once for blocks of one thread. Batches have random lengths.
 * In short batches, blocks have random sizes. In long ones, all blocks of all batches have one size: so all threads use the same part of an allocator,
 * and the free blocks of a whole batch are far more than a thread may keep. A thread that is alone frees its own batches.
 */
#include <string.h>

#include "workload.h"

#define LEAST 24 /* blocks of a short batch */
#define BLOCKS 150
#define LONG_LEAST 700
#define LONG_BLOCKS 2600
#define DEPTH 40 /* batches that wait at most */
#define MIN_SIZE 24
#define SIZES 720
#define ONE_SIZE 88

struct batch {
  unsigned count;
  void *blocks[LONG_BLOCKS];
};

/* A stack: the newest batch is taken first. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t room, more;
  unsigned full, giving; /* batches; threads that allocate and have not ended */
  struct batch batches[DEPTH];
} * shelf;

static void set_up(unsigned threads) {
  shelf = bench_map(sizeof(*shelf));
  pthread_mutex_init(&shelf->lock, NULL);
  pthread_cond_init(&shelf->room, NULL);
  pthread_cond_init(&shelf->more, NULL);
  shelf->giving = (threads + 1) / 2;
}

static void prepare(struct worker *w) { w->own = bench_map(sizeof(struct batch)); }

static void copy(struct batch *to, const struct batch *from) {
  to->count = from->count;
  memcpy(to->blocks, from->blocks, from->count * sizeof(void *));
}

static void give(const struct batch *b) {
  pthread_mutex_lock(&shelf->lock);
  while (shelf->full == DEPTH) pthread_cond_wait(&shelf->room, &shelf->lock);
  copy(&shelf->batches[shelf->full++], b);
  pthread_cond_signal(&shelf->more);
  pthread_mutex_unlock(&shelf->lock);
}

/* False if no batch will come any more. */
static bool take(struct batch *b) {
  pthread_mutex_lock(&shelf->lock);
  while (shelf->full == 0 && shelf->giving > 0) pthread_cond_wait(&shelf->more, &shelf->lock);
  const bool any = shelf->full > 0;
  if (any) copy(b, &shelf->batches[--shelf->full]);
  pthread_cond_signal(&shelf->room);
  pthread_mutex_unlock(&shelf->lock);
  return any;
}

static void stop_giving(void) {
  pthread_mutex_lock(&shelf->lock);
  shelf->giving--;
  pthread_cond_broadcast(&shelf->more);
  pthread_mutex_unlock(&shelf->lock);
}

static void fill(struct worker *w, struct batch *b) {
  b->count = LEAST + (unsigned)below(draw(w) >> 32, BLOCKS - LEAST + 1);
  for (unsigned i = 0; i < b->count; i++) b->blocks[i] = new_block(MIN_SIZE + below(draw(w) >> 32, SIZES));
}

static void fill_long(struct worker *w, struct batch *b) {
  b->count = LONG_LEAST + (unsigned)below(draw(w) >> 32, LONG_BLOCKS - LONG_LEAST + 1);
  for (unsigned i = 0; i < b->count; i++) b->blocks[i] = new_block(ONE_SIZE);
}

static void empty(struct batch *b) {
  for (unsigned i = 0; i < b->count; i++) free_block(b->blocks[i]);
}

static void pass(struct worker *w, void fill_batch(struct worker *, struct batch *)) {
  struct batch *const b = w->own;
  if (w->index % 2 == 1) {
    while (take(b)) empty(b);
    return;
  }
  do {
    fill_batch(w, b);
    if (w->threads == 1) empty(b);
    else give(b);
  } while (goes_on(w, b->count));
  stop_giving();
}

static void work(struct worker *w) { pass(w, fill); }
static void work_long(struct worker *w) { pass(w, fill_long); }

const struct workload batches = {.name = "batches",
                                 .what = "some threads allocate blocks of 24 to 743 bytes, others free them, in batches under one lock",
                                 .ops = 15000000,
                                 .set_up = set_up,
                                 .prepare = prepare,
                                 .work = work};
const struct workload long_batches = {.name = "long_batches",
                                      .what = "the same in batches of up to 2600 blocks, all of 88 bytes",
                                      .ops = 25000000,
                                      .set_up = set_up,
                                      .prepare = prepare,
                                      .work = work_long};
