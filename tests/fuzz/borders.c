/*
 * Under AddressSanitizer: asks of every byte around and in blocks whether it may be touched; with two arguments, an offset and a size, touches
 * that byte of a block (of a freed one if there is a third), which ends the program.
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hakmem.h"

static unsigned failures;

static void expect(const char *p, long from, long to, int poisoned, const char *what, size_t size) {
  for (long i = from; i <= to; i++) {
    if (__asan_address_is_poisoned(p + i) == poisoned) continue;
    if (failures++ < 20) printf("%s of %zu bytes: byte %ld %s be touched\n", what, size, i, poisoned ? "may" : "may not");
  }
}

static void live(const char *p, size_t size, const char *what) {
  expect(p, 0, (long)size - 1, 0, what, size);
  expect(p, -16, -1, 1, what, size);
  expect(p, (long)size, (long)size + 15, 1, what, size);
}

static void block(size_t size) {
  char *p = hak_malloc(size), *q = hak_malloc(size), *zero = hak_calloc(1, size), *aligned = hak_memalign(256, size);
  live(p, size, "malloc");
  live(q, size, "malloc");
  live(zero, size, "calloc");
  live(aligned, size, "memalign");
  if (hak_usable_size(p) != size) failures++;
  memset(p, 'x', size);
  char *moved = hak_realloc(p, size + 100);
  live(moved, size + 100, "realloc");
  for (size_t i = 0; i < size; i++) failures += moved[i] != 'x';
  expect(p, 0, (long)size - 1, 1, "moved by realloc", size);
  hak_free(q), hak_free(zero), hak_free(aligned), hak_free(moved);
  expect(q, -16, (long)size + 15, 1, "freed", size);
  expect(moved, -16, (long)size + 15, 1, "freed", size);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    char *volatile p = hak_malloc((size_t)atol(argv[2]));
    if (argc > 3) hak_free(p);
    p[atol(argv[1])] = 1;
    puts("went on");
    return 0;
  }
  for (size_t size = 1; size < 300; size++) block(size);
  for (size_t size = 301; size < 3000000; size += size / 3 + 7) block(size);
  printf("%u failures\n", failures);
  return failures != 0;
}
