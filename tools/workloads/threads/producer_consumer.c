/*
 * Pairs of threads: one allocates and fills, the other one reads and frees, never the other way round. An allocator that keeps freed blocks with
 * the freeing thread must move them back, or it grows and always uses fresh memory. Blocks pass in batches through a bounded queue, so the queue's
 * own cost is small. A thread without a partner (an odd number of threads) consumes its own blocks.
 */
#include "workload.h"

#define BATCH 256
#define BATCHES 16 /* in the queue at most */
#define MIN_SIZE 16
#define SIZES 497

/* batch[n % BATCHES] for taken <= n < given is full. */
struct queue {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint64_t given, taken;
  bool closed;
  char *batch[BATCHES][BATCH];
};

static struct queue *queues; /* one of each pair */

static void set_up(unsigned threads) {
  queues = bench_map((threads + 1) / 2 * sizeof(*queues));
  for (unsigned i = 0; i < (threads + 1) / 2; i++) {
    pthread_mutex_init(&queues[i].lock, NULL);
    pthread_cond_init(&queues[i].changed, NULL);
  }
}

static void step(struct queue *q, uint64_t *counter) {
  pthread_mutex_lock(&q->lock);
  ++*counter;
  pthread_cond_signal(&q->changed);
  pthread_mutex_unlock(&q->lock);
}

static void close_queue(struct queue *q) {
  pthread_mutex_lock(&q->lock);
  q->closed = true;
  pthread_cond_signal(&q->changed);
  pthread_mutex_unlock(&q->lock);
}

static void wait_for_room(struct queue *q) {
  pthread_mutex_lock(&q->lock);
  while (q->given - q->taken == BATCHES) pthread_cond_wait(&q->changed, &q->lock);
  pthread_mutex_unlock(&q->lock);
}

/* False if no further batch will come. */
static bool wait_for_batch(struct queue *q) {
  pthread_mutex_lock(&q->lock);
  while (q->given == q->taken && !q->closed) pthread_cond_wait(&q->changed, &q->lock);
  const bool any = q->given != q->taken;
  pthread_mutex_unlock(&q->lock);
  return any;
}

static void produce(struct worker *w, char **batch) {
  for (unsigned i = 0; i < BATCH; i++) batch[i] = new_block(MIN_SIZE + below(draw(w) >> 32, SIZES));
}

static void consume(char **batch) {
  for (unsigned i = 0; i < BATCH; i++) free_block(batch[i]);
}

static void work(struct worker *w) {
  struct queue *const q = &queues[w->index / 2];
  const bool alone = w->index % 2 == 0 && w->index + 1 == w->threads;
  if (w->index % 2 == 1) {
    while (wait_for_batch(q)) {
      consume(q->batch[q->taken % BATCHES]);
      step(q, &q->taken);
    }
    return;
  }
  do {
    wait_for_room(q);
    char **const batch = q->batch[q->given % BATCHES];
    produce(w, batch);
    if (alone) consume(batch);
    else step(q, &q->given);
  } while (goes_on(w, BATCH));
  close_queue(q);
}

const struct workload producer_consumer = {.name = "producer_consumer",
                                           .what = "pairs of threads: one allocates blocks of 16 to 512 bytes, the other one frees them",
                                           .ops = 5000000,
                                           .set_up = set_up,
                                           .work = work};
