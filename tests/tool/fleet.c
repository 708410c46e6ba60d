/* fleet NAME CODE: works, makes the file NAME.half, works a little until there is a file NAME.go, works again and exits with CODE. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 4096

static void *blocks[BLOCKS];
static unsigned state = 1;

static void work(int rounds) {
  for (int i = 0; i < rounds; i++) {
    state = state * 1103515245u + 12345u;
    void **const place = &blocks[(state >> 8) % BLOCKS];
    free(*place);
    *place = malloc(16 + (state >> 20) % 1000);
  }
}

int main(int argc, char **argv) {
  char path[256];
  if (argc != 3) return 2;
  work(200000);
  snprintf(path, sizeof(path), "%s.half", argv[1]);
  FILE *const half = fopen(path, "w");
  if (half == NULL || fclose(half) != 0) return 2;
  snprintf(path, sizeof(path), "%s.go", argv[1]);
  while (access(path, F_OK) != 0) {
    work(2000);
    nanosleep(&(const struct timespec){.tv_nsec = 20000000}, NULL);
  }
  work(200000);
  for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
  return atoi(argv[2]);
}
