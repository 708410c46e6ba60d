/*
 * A heap of small blocks that grows to 10 MB; at each step, a large block is allocated and freed again:   huge_turns TIMES
 *
 * At some steps, the large block fills the rest of a SuperSlab.
 */
#include <stdlib.h>

int main(int argc, char **argv) {
  const int times = argc > 1 ? atoi(argv[1]) : 1;
  for (int step = 0; step < 170; step++) {
    for (int i = 0; i < 60; i++) {
      char *const small = malloc(1000);
      if (small == NULL) return 1;
      small[0] = 1;
    }
    for (int i = 0; i < times; i++) {
      char *volatile large = malloc(600000);
      if (large == NULL) return 1;
      free(large);
    }
  }
  return 0;
}
