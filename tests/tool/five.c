/*
 * five STATE BLOCKS: a process whose figures are known, in a state of a process. One of 20 blocks of 1000 bytes stays, BLOCKS in all; one block is freed twice. Then it
 * prints "ready" and is busy, at rest, spinning without a call, blocked in a lock, or it ends.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/names/hakmem.h"

#define ONE_OF 20

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
    for (unsigned k = 0; k < 300; k++) free(malloc(50));
  }
}

int main(int count, char **arguments) {
  const size_t kept = count == 3 ? (size_t)atol(arguments[2]) : 0, all = kept * ONE_OF;
  void **blocks = mmap(NULL, (all + 1) * sizeof(*blocks), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const char *const state = arguments[1];
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  for (size_t i = 0; i < all; i++) blocks[i] = i % ONE_OF == 0 ? keep() : drop();
  for (size_t i = 0; i < all; i++) {
    if (i % ONE_OF != 0) free(blocks[i]);
  }
  twice(malloc(300));
  work(400);
  struct hak_stats now; /* takes a profile, which is due now and then only */
  int (*const read)(struct hak_stats *, size_t) = (int (*)(struct hak_stats *, size_t))dlsym(RTLD_DEFAULT, "hak_stats_read");
  if (read == NULL || read(&now, sizeof(now)) != 0) return 1;
  work(150);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
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
