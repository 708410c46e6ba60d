/*
 * Uses 48 MiB at a time, in turn as large blocks and as blocks of other sizes, and frees them each time. What one phase freed, the next one cannot
 * use as it is. Prints the most KiB that were resident after each MiB. `live`: keeps 96 MiB more throughout. `stress`: four threads do it at once, with
 * forks meanwhile; blocks keep their content.
 */
#define NAME "soft_limit"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "resident.h"

#define MIB (1024L * 1024)
#define PHASE (48 * MIB)
#define BLOCKS_MAX (PHASE / 40)

static long most;
static void *blocks[BLOCKS_MAX];

static void look(void) {
  const long now = resident_kib();
  if (now > most) most = now;
}

static void *full(size_t size) {
  char *const block = malloc(size);
  if (block == NULL) fail("malloc failed");
  memset(block, 1, size);
  return block;
}

static void phase(size_t size) {
  const long count = PHASE / (long)size, each = MIB / (long)size;
  for (long i = 0; i < count; i++) {
    blocks[i] = full(size);
    if (each == 0 || i % each == 0) look();
  }
  for (long i = 0; i < count; i++) free(blocks[i]);
}

static void *thread(void *unused) {
  phase(200);
  return unused;
}

/* ---- Several threads at once, each with blocks of all sizes. ---- */

#define HELD 400
#define STEPS 30000

static void *stress(void *seed) {
  static const size_t sizes[] = {24, 100, 1000, 9000, 70000, 300000, 1500000};
  unsigned random = *(unsigned *)seed;
  unsigned char *block[HELD] = {NULL};
  size_t size[HELD] = {0};
  for (int step = 0; step < STEPS; step++) {
    random = random * 1103515245u + 12345u;
    const unsigned at = (random >> 8) % HELD;
    if (block[at] != NULL && (block[at][0] != (unsigned char)at || block[at][size[at] - 1] != (unsigned char)at)) fail("a block has changed");
    free(block[at]);
    size[at] = sizes[(random >> 20) % (step % 8 == 0 ? 7 : 4)];
    block[at] = malloc(size[at]);
    if (block[at] == NULL) fail("malloc failed");
    block[at][0] = block[at][size[at] - 1] = (unsigned char)at;
    if (step % 5000 == 0) {
      const pid_t child = fork();
      if (child == 0) {
        for (unsigned i = 0; i < HELD; i++) free(block[i]);
        free(full(20 * MIB));
        _exit(0);
      }
      int status = 1;
      if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("a child failed");
    }
  }
  for (unsigned i = 0; i < HELD; i++) free(block[i]);
  return NULL;
}

static void stress_all(void) {
  pthread_t threads[4];
  unsigned seeds[4] = {1, 22, 333, 4444};
  for (int i = 0; i < 4; i++) {
    if (pthread_create(&threads[i], NULL, stress, &seeds[i]) != 0) fail("no thread");
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "stress") == 0) {
    stress_all();
    return 0;
  }
  if (argc > 1 && strcmp(argv[1], "live") == 0) {
    for (int i = 0; i < 96; i++) full(MIB);
  }
  for (int round = 0; round < 4; round++) {
    pthread_t other;
    phase(12 * MIB);
    phase(40);
    phase(5 * MIB);
    phase(1000);
    if (pthread_create(&other, NULL, thread, NULL) != 0 || pthread_join(other, NULL) != 0) fail("no thread");
    phase(100000);
  }
  printf("%ld\n", most);
  return 0;
}
