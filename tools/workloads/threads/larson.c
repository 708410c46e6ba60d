/*
 * A server after Larson and Krishnan: each thread replaces random blocks of its own table for a while, then starts its successor, passes the table
 * on and ends. So most blocks are freed by another thread than their allocator, which has often ended by then. An allocator whose memory belongs to
 * threads loses it or has to adopt it.
 */
#include <semaphore.h>

#include "workload.h"

#define BLOCKS 5000
#define MIN_SIZE 8
#define SIZES 1000
#define LIFE 100000 /* operations until a thread passes its table on */

struct server {
  char *blocks[BLOCKS];
  struct worker *worker;
  pthread_t before;
  bool has_before;
  sem_t over;
};

static void *serve(void *argument) {
  struct server *const s = argument;
  struct worker *const w = s->worker;
  if (s->has_before) pthread_join(s->before, NULL);
  bool more = true;
  for (unsigned i = 0; more && i < LIFE; i++) {
    const uint64_t x = draw(w);
    char **const slot = &s->blocks[below((uint32_t)x, BLOCKS)];
    free_block(*slot);
    *slot = new_block(MIN_SIZE + below(x >> 32, SIZES));
    more = goes_on(w, 1);
  }
  s->before = pthread_self();
  s->has_before = true;
  if (more) bench_start(serve, s);
  else sem_post(&s->over);
  return NULL;
}

static void prepare(struct worker *w) {
  struct server *const s = w->own = bench_map(sizeof(*s));
  s->worker = w;
  sem_init(&s->over, 0, 0);
  for (unsigned i = 0; i < BLOCKS; i++) s->blocks[i] = new_block(MIN_SIZE + below(draw(w) >> 32, SIZES));
}

static void work(struct worker *w) {
  struct server *const s = w->own;
  bench_start(serve, s);
  while (sem_wait(&s->over) != 0) {} /* a signal may come between */
  pthread_join(s->before, NULL);
}

static void finish(struct worker *w) {
  struct server *const s = w->own;
  for (unsigned i = 0; i < BLOCKS; i++) free_block(s->blocks[i]);
}

const struct workload larson = {.name = "larson",
                                .what = "threads that replace random blocks of 8 to 1007 bytes and pass them on at their end",
                                .ops = 24000000,
                                .prepare = prepare,
                                .work = work,
                                .finish = finish};
