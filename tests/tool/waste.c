/*
 * waste: a program with one fault, of the kind that its argument names.
 *
 *   waste nothing            works on a few blocks, frees all
 *   waste limited            live blocks of two sizes, 24 MiB: too many where HAKMEM_SS_LIMIT is low
 *   waste large              the same with blocks of 200 KiB to 900 KiB
 *   waste frees              allocates and frees at random, 2 million times
 *   waste huge               5 MiB blocks, ten at a time, for most of its time
 *   waste arrays             arrays that realloc moves on their way to 200 KiB, ten at a time
 *   waste grows              allocates without freeing, fresh slabs most of the time
 *   waste cycles             takes 6 MiB in small blocks and frees all of it, over and over
 *   waste leaks              one of seven blocks stays: live memory grows evenly for two seconds
 *   waste fills              the same for one second, rests twice as long, frees all, and ends
 *   waste filled             the same, but frees nothing
 *   waste rounds             takes 32 MiB and gives it back, again and again, with pauses
 *   waste again              takes 32 MiB, frees all, works on little for a second, and takes it again before it ends
 *   waste pins               frees all but one block in a hundred, and goes on for a second
 *   waste rests             frees all but one block in a hundred, and makes no call any more for two seconds
 *   waste ends              works on its blocks for long, frees all but one in a hundred, and ends
 *   waste sessions          40 MiB of blocks of all sizes, of which one in forty stays; then a few calls now and then, for 1.5 seconds
 *   waste scattered         200000 blocks of eight sizes, of which one in a hundred stays; the lists hold more blocks than that, but in a few slabs
 *   waste rounded            400000 blocks of 64 bytes, which need strides of 80
 *   waste maps               maps 64 MiB itself
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 1000000
static void *blocks[COUNT_MAX];

static void *take(size_t size) {
  void *block = malloc(size);
  if (block == NULL) abort();
  memset(block, 1, size < 64 ? size : 64);
  return block;
}

static unsigned next(void) {
  static unsigned state = 1;
  state = state * 1103515245u + 12345u;
  return state >> 8;
}

static void free_all(unsigned count) {
  for (unsigned i = 0; i < count; i++) free(blocks[i]);
}

static void nothing(void) {
  for (unsigned round = 0; round < 200; round++) {
    for (unsigned i = 0; i < 1000; i++) blocks[i] = take(16 + next() % 200);
    free_all(1000);
  }
}

static void limited(void) {
  for (unsigned i = 0; i < 20000; i++) blocks[i] = take(i % 2 != 0 ? 400 : 2000);
  free_all(20000);
}

static void large(void) {
  for (unsigned i = 0; i < 60; i++) blocks[i] = take(200 * 1024 + next() % (700 * 1024));
  free_all(60);
}

static void frees(void) {
  for (unsigned i = 0; i < 4000; i++) blocks[i] = take(16 + next() % 1000);
  for (unsigned i = 0; i < 2000000; i++) {
    const unsigned which = next() % 4000;
    free(blocks[which]);
    blocks[which] = take(16 + next() % 1000);
  }
  free_all(4000);
}

static void huge(void) {
  for (unsigned i = 0; i < 20000; i++) {
    for (unsigned k = 0; k < 20; k++) blocks[k] = take(5 << 20);
    free_all(20);
  }
}

static void arrays(void) {
  for (unsigned i = 0; i < 50000; i++) {
    for (unsigned k = 0; k < 10; k++) blocks[k] = realloc(take(100), 200 << 10);
    free_all(10);
  }
}

static void grows(void) {
  for (unsigned i = 0; i < COUNT_MAX; i++) blocks[i] = take(200);
}

static void cycles(void) {
  for (unsigned round = 0; round < 100; round++) {
    for (unsigned i = 0; i < 100000; i++) blocks[i] = take(60);
    free_all(100000);
  }
}

/* By the clock: who loses the processor for a while catches up, so that live memory grows evenly. */
static void leak_for(long rounds) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 0; i < rounds; i++) {
    for (long k = 0; k < 1000; k++) {
      for (size_t n = 0; n < 6; n++) free(take(100 + n * 100));
      blocks[i * 1000 + k] = take(300);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long early_us = (i + 1) * 20000 - (now.tv_sec - start.tv_sec) * 1000000 - (now.tv_nsec - start.tv_nsec) / 1000;
    if (early_us > 0) usleep((useconds_t)early_us);
  }
}

static void leaks(void) { leak_for(100); }
static void take_32(void) {
  for (unsigned i = 0; i < 32; i++) blocks[i] = memset(take(1000 * 1000), 1, 1000 * 1000);
}

static void rounds(void) {
  for (unsigned round = 0; round < 16; round++) {
    take_32();
    free_all(32);
    for (unsigned i = 0; i < 12; i++) {
      usleep(10000);
      for (unsigned k = 0; k < 2000; k++) free(take(1 + k)); /* a thread that allocates or frees returns memory */
    }
  }
}

static void again(void) {
  take_32();
  free_all(32);
  for (unsigned i = 0; i < 100; i++) {
    usleep(10000);
    for (unsigned k = 0; k < 2000; k++) free(take(1 + k));
  }
  take_32();
}

static void pins(void) {
  for (unsigned i = 0; i < COUNT_MAX; i++) blocks[i] = take(100);
  for (unsigned i = 0; i < COUNT_MAX; i++) {
    if (i % 100 != 0) free(blocks[i]);
  }
  for (unsigned i = 0; i < 100; i++) {
    usleep(15000);
    for (unsigned k = 0; k < 2000; k++) free(take(500 + k));
  }
}

static void fill(unsigned count) {
  for (unsigned i = 0; i < count; i++) blocks[i] = take(100);
}
static void free_nearly_all(unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (i % 100 != 0) free(blocks[i]);
  }
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Works on its blocks ten times as long as it took to fill them: the slower the machine, the longer. To free them is short beside that. */
static void ends(void) {
  const double start = seconds();
  fill(COUNT_MAX / 4);
  const double end = seconds() + 10 * (seconds() - start) + 0.5;
  do {
    usleep(5000);
    for (unsigned k = 0; k < 2000; k++) free(take(500 + k));
  } while (seconds() < end);
  free_nearly_all(COUNT_MAX / 4);
}

/* Rests twice as long as it took to fill its memory. */
static void filled(void) {
  const double start = seconds();
  leak_for(50);
  usleep((useconds_t)(2e6 * (seconds() - start)));
}
static void fills(void) {
  filled();
  free_all(50000);
}

static void rests(void) {
  fill(COUNT_MAX);
  free_nearly_all(COUNT_MAX);
  usleep(2000000);
}

__attribute__((noinline)) static void *open_session(size_t size) {
  void *volatile session = take(size); /* volatile: no tail call, so that the function is in the stack */
  return session;
}
static void sessions(void) {
  size_t bytes = 0;
  unsigned count = 0, live = 0;
  while (bytes < 40u << 20) {
    const size_t size = 16 + next() % 2000;
    bytes += size;
    if (next() % 40 == 0) live += open_session(size) != NULL;
    else blocks[count++] = memset(take(size), 1, size);
  }
  free_all(count);
  for (unsigned i = 0; i < 150; i++) {
    usleep(10000);
    for (unsigned k = 0; k < 20; k++) free(take(1 + next() % 2000));
  }
  printf("%u\n", live);
}

static void scattered(void) {
  for (unsigned i = 0; i < 200000; i++) blocks[i] = take(230 + next() % 8 * 32);
  for (unsigned i = 0; i < 200000; i++) {
    if (i % 100 != 0) free(blocks[i]);
  }
  usleep(1200000);
}

static void rounded(void) {
  for (unsigned i = 0; i < 400000; i++) blocks[i] = take(64);
  for (unsigned i = 0; i < 50; i++) {
    usleep(5000);
    for (unsigned k = 0; k < 2000; k++) free(take(64));
  }
}

static void maps(void) {
  const size_t size = 64 << 20;
  char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED) abort();
  memset(own, 1, size);
  nothing();
}

int main(int argc, char **argv) {
#define KIND(name) \
  { #name, name }
  static const struct {
    const char *name;
    void (*run)(void);
  } kinds[] = {KIND(nothing), KIND(limited), KIND(large), KIND(frees), KIND(huge),     KIND(arrays),    KIND(grows),   KIND(cycles), KIND(leaks), KIND(rounds),
               KIND(again),   KIND(pins),    KIND(rests), KIND(ends),  KIND(sessions), KIND(scattered), KIND(rounded), KIND(maps),   KIND(fills), KIND(filled)};
  for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    kinds[i].run();
    return 0;
  }
  fprintf(stderr, "waste: no such kind\n");
  return 2;
}
