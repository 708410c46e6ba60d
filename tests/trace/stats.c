/* stats.c: prints the counters of a statistics file, "NAME NUMBER" lines; those of the classes are added up as class_NAME. */
#include <stdio.h>
#include <string.h>

#include "statistics/stats_block.h"

static struct stats_block b;

int main(int count, char **argument) {
  FILE *file = count == 2 ? fopen(argument[1], "rb") : NULL;
  if (file == NULL || fread(&b, sizeof(b), 1, file) != 1 || memcmp(b.magic, STATS_MAGIC, sizeof(b.magic)) != 0 || b.version != STATS_VERSION ||
      b.size != sizeof(b)) {
    fprintf(stderr, "usage: stats FILE, a statistics file of this version\n");
    return 2;
  }
  printf("complete %u\nfull_tracing %u\n", b.complete, b.full_tracing);
#define PRINT(name, text) printf(#name " %llu\n", (unsigned long long)b.counters.name);
  STATS_COUNTERS(PRINT)
#define PRINT_CLASS(name, text) \
  { \
    unsigned long long sum = 0; \
    for (unsigned row = 0; row < CLASS_ROWS; row++) sum += b.cls[row].name; \
    printf("class_" #name " %llu\n", sum); \
  }
  STATS_CLASS_COUNTERS(PRINT_CLASS)
  return 0;
}
