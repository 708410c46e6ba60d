/*
 * workload.h: what a workload of bench_threads is, and its tools.
 *
 *   prepare, in each thread  ->  clock starts  ->  work, in each thread  ->  clock stops  ->  finish, in each thread
 *
 * One operation is one call that allocates. Every block is freed again, by `finish` at the latest. A workload's own tables come from bench_map, so
 * malloc serves only the measured blocks. The same seed and number of operations give the same sequence whatever the allocator, except for the
 * effects of the threads' timing.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "../harness.h"

struct worker {
  _Alignas(128) uint64_t random; /* next_random's state */
  uint64_t done, limit;          /* operations */
  unsigned index, threads;
  const struct workload *workload;
  void *own; /* the workload's own data, from `prepare` */
  pthread_t thread;
};

struct workload {
  const char *name, *what;
  uint64_t ops;                      /* of each thread by default: about a second under glibc */
  void (*set_up)(unsigned threads);  /* once, in the main thread, before the others start; may be NULL */
  void (*prepare)(struct worker *w); /* may be NULL */
  void (*work)(struct worker *w);    /* until !goes_on(w) */
  void (*finish)(struct worker *w);  /* may be NULL */
  bool by_processor_time;            /* its threads sleep: its speed is per second of processor time */
};

extern const struct workload larson, producer_consumer, exchange, passive_false_sharing, active_false_sharing, short_threads, bursts, realloc_growth, large,
  calloc_large, huge, aligned, random_sizes, batches, long_batches, rests, one_size, small_blocks, calloc_small, usable_size, realloc_small, new_delete,
  vectors, maps, unordered_maps, strings;

/* Zeroed memory, already faulted in; ends the program on failure. */
void *bench_map(size_t size);

/* Ends the program with exit code 1 and a message. */
_Noreturn __attribute__((format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* Starts a thread, or ends the program. */
pthread_t bench_start(void *(*function)(void *), void *argument);

extern atomic_bool bench_time_is_up;

/* Counts `ops` operations; false if the work is done. */
static inline bool goes_on(struct worker *w, uint64_t ops) {
  w->done += ops;
  return w->done < w->limit && !atomic_load_explicit(&bench_time_is_up, memory_order_relaxed);
}

static inline uint64_t draw(struct worker *w) { return w->random = next_random(w->random); }

/* A size from `low` to below `high` bits; each doubling is equally frequent. `random` is 64 bits. */
static inline size_t draw_doubling(uint64_t random, unsigned low, unsigned high) {
  const unsigned bits = low + (unsigned)below((uint32_t)random, high - low);
  return ((size_t)1 << bits) + below(random >> 32, (size_t)1 << bits);
}

/* ---- Marked blocks: the free shows a block that was handed out twice, moved wrongly or overwritten. ---- */

struct mark {
  uint32_t size, check;
};

static inline char last_byte(size_t size) { return (char)(size ^ 0x5a); }

/* Writes both ends of a block; size >= sizeof(struct mark). */
static inline void *mark_block(void *block, size_t size) {
  if (block == NULL) bench_fail("no memory for a block of %zu bytes", size);
  if (size > sizeof(struct mark)) ((char *)block)[size - 1] = last_byte(size);
  *(struct mark *)block = (struct mark){(uint32_t)size, ~(uint32_t)size};
  return block;
}

/* Returns its size. */
static inline size_t check_block(const void *block) {
  const struct mark mark = *(const struct mark *)block;
  if (mark.check != ~mark.size) bench_fail("the block at %p was overwritten at its start", block);
  if (mark.size > sizeof(struct mark) && ((const char *)block)[mark.size - 1] != last_byte(mark.size)) {
    bench_fail("the block at %p of %u bytes was overwritten at its end", block, mark.size);
  }
  return mark.size;
}

static inline void *new_block(size_t size) { return mark_block(malloc(size), size); }

/* `block` may be NULL. The mark goes: a block that was handed out twice is then wrong at its second free, also if both had one size. */
static inline void free_block(void *block) {
  if (block != NULL) {
    check_block(block);
    ((struct mark *)block)->check = 0;
  }
  free(block);
}

#endif
