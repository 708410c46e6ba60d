/*
 * family CALL COUNT: calls realloc or malloc_usable_size COUNT times, for callgrind to count; `long`: replaces blocks of 12 to 32 KiB, most of which lie
 * in further units of their slabs.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int replace_long(long count) {
  static void *volatile block[64];
  unsigned random = 1;
  for (long i = 0; i < count; i++) {
    random = random * 1664525u + 1013904223u; /* Numerical Recipes' */
    free(block[random >> 26]);
    block[random >> 26] = malloc(12288 + (random >> 8) % 20480);
    if (block[random >> 26] == NULL) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const long count = atol(argv[2]);
  if (strcmp(argv[1], "long") == 0) return replace_long(count);
  char *p = malloc(40);
  size_t sum = 0;
  for (long i = 0; p != NULL && i < count; i++) {
    if (strcmp(argv[1], "stays") == 0) p = realloc(p, 40 + (size_t)(i & 1));
    else if (strcmp(argv[1], "moves") == 0) p = realloc(p, (i & 1) != 0 ? 40 : 200);
    else sum += malloc_usable_size(p);
  }
  printf("%zu\n", sum);
  free(p);
  return p == NULL;
}
