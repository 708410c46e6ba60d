/*
 * Touches what it must not, one byte at a time, and asks memcheck after each whether it has reported exactly that; and what it may, of
 * which memcheck must say nothing. Ends with status 0 where all of it was so.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

static unsigned failures;

static void expect(unsigned errors, unsigned before, const char *what, const char *kind, size_t size, long at) {
  if (VALGRIND_COUNT_ERRORS - before == errors) return;
  if (failures++ < 20) printf("%s %s of %zu bytes, at %ld: %u errors, not %u\n", what, kind, size, at, VALGRIND_COUNT_ERRORS - before, errors);
}

/* Reads and writes the byte without changing it. */
static void touch(volatile char *p, const char *what, const char *kind, size_t size, long at) {
  unsigned before = VALGRIND_COUNT_ERRORS;
  const char byte = p[at];
  expect(1, before, what, kind, size, at);
  before = VALGRIND_COUNT_ERRORS;
  p[at] = byte;
  expect(1, before, what, kind, size, at);
}

static unsigned char bits_of(const void *p) {
  unsigned char bits = 0;
  VALGRIND_GET_VBITS(p, &bits, 1);
  return bits;
}

static char *make(const char *kind, size_t size) {
  if (strcmp(kind, "malloc") == 0) return malloc(size);
  if (strcmp(kind, "calloc") == 0) return calloc(1, size);
  if (strcmp(kind, "memalign64") == 0) return memalign(64, size);
  if (strcmp(kind, "memalign4096") == 0) return memalign(4096, size);
  char *old = malloc(size / 2);
  memset(old, 'o', size / 2);
  char *moved = realloc(old, size);
  if (size / 2 > 0) touch(old, "old pointer after realloc", kind, size, 0);
  return moved;
}

static void inside(char *p, const char *kind, size_t size) {
  const unsigned before = VALGRIND_COUNT_ERRORS;
  const size_t at[] = {0, size / 2, size - 1};
  for (unsigned i = 0; size > 0 && i < 3; i++) {
    const int defined = strcmp(kind, "calloc") == 0 || (strcmp(kind, "realloc") == 0 && at[i] < size / 2);
    if ((bits_of(p + at[i]) == 0) != defined) expect(1, before, defined ? "not defined" : "defined", kind, size, (long)at[i]);
  }
  memset(p, 'x', size);
  if (malloc_usable_size(p) != size) expect(1, before, "another usable size of", kind, size, (long)malloc_usable_size(p));
  expect(0, before, "inside", kind, size, 0);
}

static void block(const char *kind, size_t size, int around) {
  /* Neighbours that live: memory beyond the borders is theirs. */
  char *p[3];
  for (int i = 0; i < 3; i++) p[i] = make(kind, size);
  if (!around) free(p[0]), free(p[2]);
  inside(p[1], kind, size);
  for (int n = 1; n <= 16; n++) {
    touch(p[1], "before", kind, size, -n);
    touch(p[1], "behind", kind, size, (long)size - 1 + n);
  }
  if (around) inside(p[0], kind, size), inside(p[2], kind, size);
  free(p[1]);
  if (size > 0) {
    touch(p[1], "freed", kind, size, 0);
    touch(p[1], "freed", kind, size, (long)size / 2);
    touch(p[1], "freed", kind, size, (long)size - 1);
  }
  if (around) free(p[0]), free(p[2]);
}

/* A border more does not make a small size of the largest ones. */
static void impossible(void) {
  for (size_t below = 0; below <= 64; below += 4) {
    const volatile size_t size = SIZE_MAX - below;
    if (malloc(size) != NULL || calloc(1, size) != NULL || realloc(NULL, size) != NULL || memalign(64, size) != NULL) {
      printf("a block of %zu bytes\n", size);
      exit(1); /* the checker would mark all of it */
    }
  }
}

int main(void) {
  impossible();
  static const char *const kinds[] = {"malloc", "calloc", "realloc", "memalign64", "memalign4096"};
  static const size_t sizes[] = {500,   1000,  1023,  4096,  5000,   20000,  32751,   36000,   36847,  36848,
                                 36864, 40000, 65520, 65536, 100000, 131072, 1000000, 1048576, 3000001};
  for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
    const size_t most = k == 0 ? 300 : 70; /* realloc(p, 0) frees */
    for (size_t size = k == 2; size <= most; size++) block(kinds[k], size, size % 2);
    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
      for (int around = 0; around < 2; around++) block(kinds[k], sizes[s], around);
    }
  }
  printf("%u failures, %u errors\n", failures, (unsigned)VALGRIND_COUNT_ERRORS);
  return failures != 0 || VALGRIND_COUNT_ERRORS < 10000;
}
