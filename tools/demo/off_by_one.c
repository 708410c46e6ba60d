/*
 * off_by_one: a program with a bug, for the quickstart. For a name it reserves as many bytes as the name has letters, so the NUL at the end of each
 * lies one byte too far. Allocators round sizes up, which hides that for most lengths. If a name fills its block to the last byte, the NUL lands on
 * the next byte: here the header of the block to the right.
 *
 * The bug is in reserve_names, the wrong write in copy_name; hakmem sees it when forget_names frees the block to the right.
 */
#include <stdio.h>
#include <stdlib.h>

#define NAMES 200
#define LONGEST 79 /* name i has 1 + i % LONGEST letters, so some fill a block, whatever the sizes of blocks are */

static char *names[NAMES];

static unsigned letters_of(unsigned i) { return 1 + i % LONGEST; }

/* The bug: it should ask for one byte more. */
__attribute__((noinline)) static void reserve_names(void) {
  for (unsigned i = 0; i < NAMES; i++) {
    names[i] = malloc(letters_of(i));
    if (names[i] == NULL) exit(1);
  }
}

__attribute__((noinline)) static void copy_name(char *to, unsigned letters) {
  for (unsigned k = 0; k < letters; k++) to[k] = (char)('a' + (k + letters) % 26);
  to[letters] = '\0';
}

__attribute__((noinline)) static void fill_names(void) {
  for (unsigned i = 0; i < NAMES; i++) copy_name(names[i], letters_of(i));
}

__attribute__((noinline)) static void forget_names(void) {
  for (unsigned i = 0; i < NAMES; i++) free(names[i]);
}

int main(void) {
  reserve_names();
  fill_names();
  puts(names[0]);
  forget_names();
  return 0;
}
