/*
 * huge_ends.c: no write that runs past the end of a huge block reaches what lies behind it.
 *
 *   huge_ends ends     blocks of all ages: all that they have can be written, and a write that goes on faults
 *   huge_ends many     tens of thousands of blocks at once; prints how many mappings the process has more then
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "huge_ends"
#include "resident.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define PAGE ((size_t)4096)
#define BLOCKS 12
#define MANY 30000

/* Whether a process that writes `size` bytes there is ended by a fault. */
static int faults(char *from, size_t size) {
  const pid_t child = fork();
  if (child < 0) fail("no process can be made");
  if (child == 0) {
    memset(from, 1, size);
    _exit(0);
  }
  int status;
  if (waitpid(child, &status, 0) != child) fail("a child is lost");
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGABRT);
}

/* `beyond`: bytes from the end of the block, within which a write must fault. */
static void check(char *block, size_t size, size_t beyond, const char *what) {
  if (block == NULL) fail("no memory");
  memset(block, 7, malloc_usable_size(block));
  if (!faults(block + size, beyond)) {
    printf("%s, %zu bytes: %zu bytes behind its end can be written\n", what, size, beyond);
    exit(1);
  }
}

static void check_ends(void) {
  static char *blocks[BLOCKS];
  static const size_t sizes[] = {2 * MIB, 2 * MIB + 1, 3 * MIB - PAGE, 3 * MIB - 100, 5 * MIB + 60 * KIB, 1200 * KIB};
  for (unsigned i = 0; i < BLOCKS; i++) check(blocks[i] = malloc(sizes[i % 6]), sizes[i % 6], PAGE, "a new block");
  for (unsigned i = 0; i < BLOCKS; i += 2) free(blocks[i]);
  for (unsigned i = 0; i < BLOCKS; i += 2) check(blocks[i] = malloc(sizes[i % 6]), sizes[i % 6], PAGE, "a block of a freed one's size");
  for (unsigned i = 0; i < BLOCKS; i++) free(blocks[i]);
  for (unsigned i = 0; i < BLOCKS; i++) {
    const size_t size = sizes[i * 5 % 6] + i * 10000;
    blocks[i] = calloc(1, size);
    for (size_t at = 0; blocks[i] != NULL && at < size; at += 64) {
      if (blocks[i][at] != 0) fail("calloc's memory is not zero");
    }
    check(blocks[i], size, PAGE, "a block in other blocks' memory");
  }
  for (unsigned i = 0; i < BLOCKS; i++) free(blocks[i]);
  char *growing = malloc(1200 * KIB);
  for (size_t size = 1200 * KIB; size < 12 * MIB; size += size % (300 * KIB) + 100 * KIB) {
    growing = realloc(growing, size);
    check(growing, size, 64 * KIB + PAGE, "a block that has grown");
  }
  growing = realloc(growing, 3 * MIB);
  check(growing, 3 * MIB, 64 * KIB + PAGE, "a block that has shrunk");
  free(growing);
}

static unsigned mappings(void) {
  FILE *const maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) exit(77);
  unsigned lines = 0;
  for (int c; (c = getc(maps)) != EOF;) lines += c == '\n';
  fclose(maps);
  return lines;
}

static void check_many(void) {
  static char *blocks[MANY];
  const unsigned before = mappings();
  for (unsigned i = 0; i < MANY; i++) {
    if ((blocks[i] = malloc(1100 * KIB)) == NULL) fail("a block cannot be had");
    blocks[i][0] = (char)i;
  }
  printf("%u\n", mappings() - before);
  for (unsigned i = 0; i < MANY; i++) {
    if (blocks[i][0] != (char)i) fail("a block lost its bytes");
    free(blocks[i]);
  }
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "ends") == 0) check_ends();
  else if (argc == 2 && strcmp(argv[1], "many") == 0) check_many();
  else return 2;
  return 0;
}
