/* What asks for huge pages (the flag hg in smaps), in KiB: after 40 MB of blocks came, after all but a few went and a trim, and after they came again. */
#define NAME "huge_again"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "resident.h"

#define BLOCKS 40000
#define SIZE 1000
#define KEPT 1500 /* one in 1500 stays */

static void *blocks[BLOCKS];

static void print_asking(void) {
  FILE *f = fopen("/proc/self/smaps", "r");
  if (f == NULL) fail("cannot read smaps");
  char line[512];
  long size = 0, total = 0;
  while (fgets(line, sizeof(line), f) != NULL) {
    sscanf(line, "Size: %ld", &size);
    if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL) total += size;
  }
  fclose(f);
  printf("%ld\n", total);
}

static void fill(void) {
  for (int i = 0; i < BLOCKS; i++) {
    if (blocks[i] == NULL && (blocks[i] = malloc(SIZE)) == NULL) fail("no memory");
  }
}

int main(void) {
  fill();
  print_asking();
  for (int i = 0; i < BLOCKS; i++) {
    if (i % KEPT == 0) continue;
    free(blocks[i]);
    blocks[i] = NULL;
  }
  malloc_trim(0);
  print_asking();
  fill();
  print_asking();
  return 0;
}
