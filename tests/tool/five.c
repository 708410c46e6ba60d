/*
 * five STATE BLOCKS: a process whose figures are known, in a state of a process. One of 20 blocks of 1000 bytes stays, BLOCKS in all; one block is freed twice; 31 blocks
 * of a million bytes are cleared by calloc. Then it prints "ready", the median of the nanoseconds that such a calloc took by its own clock, and the calls of
 * malloc and of free that it made. From there on it is busy, at rest, spinning without a call, blocked in a lock, or it ends.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "src/names/hakmem.h"

#define ONE_OF 20
#define CLEARED 31
#define LARGE 1000000

static unsigned long mallocs, frees;

__attribute__((noinline)) static void *keep(void) { return memset(malloc(1000), 1, 1000); }
__attribute__((noinline)) static void *drop(void) { return memset(malloc(1000), 1, 1000); }
__attribute__((noinline)) static void twice(void *block) {
  free(block);
  free(block);
}
/* Snapshots are taken by threads that allocate and free. */
static void work(unsigned ms) {
  for (unsigned i = 0; i < ms; i += 2) {
    usleep(2000);
    for (unsigned k = 0; k < 300; k++, mallocs++, frees++) free(malloc(50));
  }
}

static long long clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static int by_time(const void *a, const void *b) { return *(const long long *)a < *(const long long *)b ? -1 : 1; }
static long long clear(void) {
  static long long took[CLEARED];
  for (unsigned i = 0; i < CLEARED; i++, frees++) {
    const long long start = clock_ns();
    void *block = calloc(1, LARGE);
    took[i] = clock_ns() - start;
    free(memset(block, 1, LARGE));
  }
  qsort(took, CLEARED, sizeof(took[0]), by_time); /* an array as small as this is sorted on the stack */
  return took[CLEARED / 2];
}

int main(int count, char **arguments) {
  const size_t kept = count == 3 ? (size_t)atol(arguments[2]) : 0, all = kept * ONE_OF;
  void **blocks = mmap(NULL, (all + 1) * sizeof(*blocks), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const char *const state = arguments[1];
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  for (size_t i = 0; i < all; i++, mallocs++) blocks[i] = i % ONE_OF == 0 ? keep() : drop();
  for (size_t i = 0; i < all; i++) {
    if (i % ONE_OF != 0) free(blocks[i]), frees++;
  }
  twice(malloc(300)), mallocs++, frees++;
  const long long cleared = clear();
  work(400);
  struct hak_stats now; /* takes a profile, which is due now and then only */
  int (*const read)(struct hak_stats *, size_t) = (int (*)(struct hak_stats *, size_t))dlsym(RTLD_DEFAULT, "hak_stats_read");
  if (read == NULL || read(&now, sizeof(now)) != 0) return 1;
  work(150);
  char text[100];
  const int length = snprintf(text, sizeof(text), "ready %lld %lu %lu\n", cleared, mallocs, frees);
  if (write(STDOUT_FILENO, text, (size_t)length) != length) return 1;
  if (strcmp(state, "busy") == 0) {
    for (;;) free(malloc(50));
  }
  if (strcmp(state, "spinning") == 0) {
    for (volatile unsigned i = 0;; i++) continue;
  }
  if (strcmp(state, "blocked") == 0) {
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
  }
  if (strcmp(state, "rest") == 0) pause();
  return 0;
}
