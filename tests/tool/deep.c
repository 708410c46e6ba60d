/* deep N: frees a block twice, and keeps another, below N calls of a function that calls itself. */
#include <stdlib.h>

void *volatile kept;

static __attribute__((noinline)) void descend(int levels) {
  if (levels > 0) {
    descend(levels - 1);
  } else {
    void *volatile block = malloc(100);
    kept = malloc(1000);
    free(block);
    free(block);
  }
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  descend(argc > 1 ? atoi(argv[1]) : 0);
  return 0;
}
