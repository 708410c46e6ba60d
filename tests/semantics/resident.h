/* resident.h: how to fail, and how much of this process is resident; for programs that define NAME, their own. */
#ifndef HAKMEM_TESTS_RESIDENT_H
#define HAKMEM_TESTS_RESIDENT_H

#include <stdio.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, NAME ": %s\n", what);
  _exit(1);
}

static inline long resident_kib(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  long size = 0, pages = 0;
  if (f == NULL || fscanf(f, "%ld %ld", &size, &pages) != 2) fail("cannot read statm");
  fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif
