/* Pairs of malloc and free below code without unwind tables, from a few call sites:   bare PAIRS */
#include "../semantics/bare.h"

static size_t size;

static __attribute__((noinline)) void pair(void) {
  char *volatile block = malloc(size);
  if (block == NULL) exit(1);
  block[0] = 1;
  free(block);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
#if defined(__x86_64__)
  bare_call *const made = bare_make();
  for (unsigned long i = 0, pairs = strtoul(argv[1], NULL, 10); i < pairs; i++) {
    size = 1 + i % 2000;
    if (i % 2 != 0) made(pair);
    else bare_assembler(pair);
  }
#else
  (void)pair, (void)argv;
#endif
  return 0;
}
