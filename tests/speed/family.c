/* family CALL COUNT: calls realloc or malloc_usable_size COUNT times, for callgrind to count. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const long count = atol(argv[2]);
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
