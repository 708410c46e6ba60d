/*
 * Uses 48 MiB at a time, in turn as large blocks and as blocks of other sizes, and frees them each time. What one phase freed, the next one cannot
 * use as it is. Prints the most KiB that were resident after each MiB. `live`: keeps 96 MiB throughout.
 */
#define NAME "soft_limit"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "resident.h"

#define MIB (1024L * 1024)
#define PHASE (48 * MIB)
#define BLOCKS_MAX (PHASE / 48)

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

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "live") == 0) {
    for (int i = 0; i < 96; i++) full(MIB);
  }
  for (int round = 0; round < 4; round++) {
    pthread_t other;
    phase(12 * MIB);
    phase(48);
    phase(5 * MIB);
    phase(1000);
    if (pthread_create(&other, NULL, thread, NULL) != 0 || pthread_join(other, NULL) != 0) fail("no thread");
    phase(100000);
  }
  printf("%ld\n", most);
  return 0;
}
