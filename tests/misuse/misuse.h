/*
 * What the programs here share. Each makes one kind of mistake, and then must be able to go on: it ends with finish(), which uses the
 * heap hard, and says "went on".
 */
#ifndef MISUSE_H
#define MISUSE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Mistakes that the compiler would see and warn about, or optimise away, are made through these. */
static void (*volatile use_free)(void *) = free;
static void *(*volatile use_malloc)(size_t) = malloc;
static void *(*volatile use_realloc)(void *, size_t) = realloc;

__attribute__((unused)) static void *hide(void *p) {
  void *volatile hidden = p;
  return hidden;
}

/*
 * Two live neighbours of 31 bytes each, whose class is 1: the last byte of *left's stride is *right's header. In a mode that puts more between
 * blocks they are as near as they can be.
 */
__attribute__((unused)) static void neighbours(char **left, char **right) {
  static char *blocks[64];
  for (unsigned i = 0; i < 64; i++) blocks[i] = memset(use_malloc(31), 0xc3, 31); /* otherwise what was there may fit a pattern by chance */
  uintptr_t nearest = UINTPTR_MAX;
  *left = *right = blocks[0];
  for (unsigned i = 0; i < 64; i++) {
    for (unsigned k = 0; k < 64; k++) {
      const uintptr_t distance = (uintptr_t)blocks[k] - (uintptr_t)blocks[i];
      if (k == i || distance >= nearest) continue;
      nearest = distance;
      *left = blocks[i];
      *right = blocks[k];
    }
  }
}

/* No block is handed out twice, none is `never`, contents stay. */
__attribute__((unused)) static int finish(const void *never) {
  enum { N = 3000 };
  static unsigned char *p[N];
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < N; i++) {
      p[i] = use_malloc(i % 3 == 0 ? 31 : i % 200);
      if (p[i] == NULL || p[i] == never) return fprintf(stderr, "a bad block was handed out\n"), 4;
      if (i % 3 == 0 || i % 200 >= 4) memcpy(p[i], &i, sizeof i);
    }
    for (unsigned i = 0; i < N; i++) {
      if ((i % 3 == 0 || i % 200 >= 4) && memcmp(p[i], &i, sizeof i) != 0) return fprintf(stderr, "a block was handed out twice\n"), 4;
      use_free(p[i]);
    }
  }
  puts("went on");
  return 0;
}

/*
 * For a write that no call is given the block of: 64 further allocations, and the program ends without a last look at its blocks. What is reported was
 * found soon.
 */
__attribute__((unused)) static int finish_at_once(void) {
  for (unsigned i = 0; i < 64; i++) {
    if (use_malloc(i) == NULL) return 4;
  }
  puts("went on");
  fflush(stdout);
  _exit(0);
}

#endif
