/*
 * Short bursts with rests between them: each thread allocates some hundred blocks, passes a quarter of them to the next thread, frees the others and
 * sleeps. What an allocator does by the clock, or for a thread that rests, it does here; and after each rest the thread starts with what it then
 * finds in its caches. The speed is per second of processor time, so the sleep itself does not count.
 */
#include <time.h>

#include "workload.h"

#define LEAST 100 /* blocks of a burst */
#define MOST 900
#define POST 512       /* blocks that wait for a thread at most */
#define LOW_BITS 3     /* 8 bytes */
#define LARGEST 16000  /* bytes */
#define HIGH_BITS 14   /* below 16384 */
#define LEAST_REST 100 /* microseconds */
#define RESTS 1400

struct post {
  pthread_mutex_t lock;
  unsigned count;
  void *blocks[POST];
};

struct own {
  void *burst[MOST];
  struct post incoming;
};

static struct own *all;

static void set_up(unsigned threads) {
  all = bench_map(threads * sizeof(*all));
  for (unsigned i = 0; i < threads; i++) pthread_mutex_init(&all[i].incoming.lock, NULL);
}

/* False if the other thread has too much already. */
static bool pass_on(struct post *to, void *block) {
  pthread_mutex_lock(&to->lock);
  const bool room = to->count < POST;
  if (room) to->blocks[to->count++] = block;
  pthread_mutex_unlock(&to->lock);
  return room;
}

static void free_incoming(struct post *own) {
  pthread_mutex_lock(&own->lock);
  for (unsigned i = 0; i < own->count; i++) free_block(own->blocks[i]);
  own->count = 0;
  pthread_mutex_unlock(&own->lock);
}

static void rest(struct worker *w) {
  const struct timespec time = {0, (long)(LEAST_REST + below(draw(w) >> 32, RESTS)) * 1000};
  nanosleep(&time, NULL);
}

static void work(struct worker *w) {
  struct own *const own = &all[w->index], *const next = &all[(w->index + 1) % w->threads];
  uint64_t count;
  do {
    free_incoming(&own->incoming);
    count = LEAST + below(draw(w) >> 32, MOST - LEAST + 1);
    for (uint64_t i = 0; i < count; i++) {
      const size_t size = draw_doubling(spread(draw(w)), LOW_BITS, HIGH_BITS);
      own->burst[i] = new_block(size < LARGEST ? size : LARGEST);
    }
    for (uint64_t i = 0; i < count; i++) {
      if (i % 4 != 0 || !pass_on(&next->incoming, own->burst[i])) free_block(own->burst[i]);
    }
    rest(w);
  } while (goes_on(w, count));
}

static void finish(struct worker *w) { free_incoming(&all[w->index].incoming); }

const struct workload rests = {.name = "rests",
                               .what = "short bursts of 8 to 16000 bytes with rests between, a quarter freed by the next thread",
                               .ops = 1000000,
                               .by_processor_time = true,
                               .set_up = set_up,
                               .work = work,
                               .finish = finish};
