/*
 * footprint.c: what blocks take beside their own bytes.
 *
 *   footprint large SLACK TIMES  351 blocks of 60,000 bytes: resident at most 64 KiB each, and SLACK KiB; mapped at most TIMES as much
 *   footprint untouched SHARE    the same blocks, and as many of calloc, to which nothing is written: resident at most SHARE KiB each
 *   footprint aligned ROOM       small blocks at multiples of 2^12 to 2^30: resident a few pages each; mapped ROOM times the alignment, at most
 */
#define NAME "footprint"
#include "resident.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static long mapped_kib(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  long pages = 0;
  if (f == NULL || fscanf(f, "%ld", &pages) != 1) fail("cannot read statm");
  fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void large(long slack, long times) {
  enum { COUNT = 351, SIZE = 60000 };
  static void *block[COUNT];
  const long resident = resident_kib(), mapped = mapped_kib();
  for (unsigned i = 0; i < COUNT; i++) {
    block[i] = malloc(SIZE);
    if (block[i] == NULL) fail("no memory");
    memset(block[i], 1, SIZE);
  }
  const long grown = resident_kib() - resident, taken = mapped_kib() - mapped;
  for (unsigned i = 0; i < COUNT; i++) free(block[i]);
  printf("%d blocks of %d bytes: %ld KiB resident, %ld mapped\n", COUNT, SIZE, grown, taken);
  if (grown > COUNT * 64 + slack || taken > times * COUNT * 64 + slack) fail("blocks take more memory than they need");
}

static void untouched(long share) {
  enum { COUNT = 351, SIZE = 60000 };
  static void *block[2 * COUNT];
  const long resident = resident_kib();
  for (unsigned i = 0; i < 2 * COUNT; i++) {
    block[i] = i % 2 == 0 ? malloc(SIZE) : calloc(1, SIZE);
    if (block[i] == NULL) fail("no memory");
  }
  const long grown = resident_kib() - resident;
  for (unsigned i = 0; i < 2 * COUNT; i++) free(block[i]);
  printf("%d untouched blocks of %d bytes: %ld KiB resident\n", 2 * COUNT, SIZE, grown);
  if (grown > 2 * COUNT * share) fail("blocks to which nothing was written take memory");
}

static void aligned(long room) {
  void *first; /* what only the first block takes, of the library and of stdio, is not measured */
  if (posix_memalign(&first, 4096, 100) != 0) fail("no memory");
  free(first);
  printf("%ld KiB resident, %ld mapped at first\n", resident_kib(), mapped_kib());
  for (unsigned shift = 12; shift <= 30; shift++) {
    const size_t align = (size_t)1 << shift;
    const long resident = resident_kib(), mapped = mapped_kib();
    void *p;
    if (posix_memalign(&p, align, 100) != 0) fail("no memory for an aligned block");
    if ((uintptr_t)p % align != 0) fail("a block is not aligned");
    memset(p, 1, 100);
    const long grown = resident_kib() - resident, taken = mapped_kib() - mapped;
    printf("2^%u: %ld KiB resident, %ld mapped\n", shift, grown, taken);
    if (grown > 256) fail("resident memory grows with the alignment");
    if (taken > room * (long)(align / 1024) + 100000) fail("mapped memory grows with the alignment");
    free(p);
  }
}

int main(int argc, char **argv) {
  const char *what = argc >= 3 ? argv[1] : "";
  if (strcmp(what, "large") == 0) large(atol(argv[2]), argc > 3 ? atol(argv[3]) : 1);
  else if (strcmp(what, "aligned") == 0) aligned(atol(argv[2]));
  else if (strcmp(what, "untouched") == 0) untouched(atol(argv[2]));
  else fail("usage: footprint large|untouched|aligned NUMBER [TIMES]");
  return 0;
}
