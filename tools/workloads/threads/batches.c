/*
 * Batches that change hands under one lock: the even threads allocate, the odd ones free, and any of these takes what any of those gave. So a block's
 * next owner is another thread each time, and an allocator sees frees from many threads at once for blocks of one thread. Batches and blocks have
 * random sizes. A thread that is alone frees its own batches.
 */
#include <string.h>

#include "workload.h"

#define LEAST 24 /* blocks of a batch */
#define BLOCKS 150
#define DEPTH 40 /* batches that wait at most */
#define MIN_SIZE 24
#define SIZES 720

struct batch {
  unsigned count;
  void *blocks[BLOCKS];
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

static void empty(struct batch *b) {
  for (unsigned i = 0; i < b->count; i++) free_block(b->blocks[i]);
}

static void work(struct worker *w) {
  struct batch *const b = w->own;
  if (w->index % 2 == 1) {
    while (take(b)) empty(b);
    return;
  }
  do {
    fill(w, b);
    if (w->threads == 1) empty(b);
    else give(b);
  } while (goes_on(w, b->count));
  stop_giving();
}

const struct workload batches = {.name = "batches",
                                 .what = "some threads allocate blocks of 24 to 743 bytes, others free them, in batches under one lock",
                                 .ops = 15000000,
                                 .set_up = set_up,
                                 .prepare = prepare,
                                 .work = work};
