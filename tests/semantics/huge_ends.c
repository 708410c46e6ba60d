/*
 * huge_ends.c: no write that runs past the end of a huge block reaches what lies behind it.
 *
 *   huge_ends new      new blocks, and those that are allocated again: all that they have can be written, and a write that goes on faults
 *   huge_ends all      the same of blocks that lie in the memory of other ones, have grown or shrunk
 *   huge_ends alone    a block that grows while no memory is kept, so that the kernel moves its pages; the second time, it refuses
 *   huge_ends stuck    a block grows into memory that has a sealed page, and the kernel does not open that
 *   huge_ends many     tens of thousands of blocks at once; prints how many mappings the process has more then
 *   huge_ends past     writes past the end of a block; more blocks are live than have a place at guard pages. Prints the block's address
 *   huge_ends aligned  the same of an aligned block
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* `sealed`: a write of a page from its end on must fault. */
static void check(char *block, size_t size, int sealed, const char *what) {
  if (block == NULL) fail("no memory");
  memset(block, 7, malloc_usable_size(block));
  if (sealed && !faults(block + size, PAGE)) {
    printf("%s, %zu bytes: a page behind its end can be written\n", what, size);
    exit(1);
  }
}

static void check_ends(int all) {
  static char *blocks[BLOCKS];
  static const size_t sizes[] = {2 * MIB, 2 * MIB + 1, 3 * MIB - PAGE, 3 * MIB - 100, 5 * MIB + 60 * KIB, 1200 * KIB};
  for (unsigned i = 0; i < BLOCKS; i++) check(blocks[i] = malloc(sizes[i % 6]), sizes[i % 6], 1, "a new block");
  for (unsigned i = 0; i < BLOCKS; i += 2) free(blocks[i]);
  for (unsigned i = 0; i < BLOCKS; i += 2) check(blocks[i] = malloc(sizes[i % 6]), sizes[i % 6], 1, "a block of a freed one's size");
  for (unsigned i = 0; i < BLOCKS; i++) free(blocks[i]);
  for (unsigned i = 0; i < BLOCKS; i++) {
    const size_t size = sizes[i * 5 % 6] + i * 10000;
    blocks[i] = calloc(1, size);
    for (size_t at = 0; blocks[i] != NULL && at < size; at += 64) {
      if (blocks[i][at] != 0) fail("calloc's memory is not zero");
    }
    check(blocks[i], size, all, "a block in other blocks' memory");
  }
  for (unsigned i = 0; i < BLOCKS; i++) free(blocks[i]);
  char *growing = malloc(1200 * KIB);
  for (size_t size = 1200 * KIB; size < 12 * MIB; size += size % (300 * KIB) + 100 * KIB) {
    growing = realloc(growing, size);
    check(growing, size, all, "a block that has grown");
  }
  growing = realloc(growing, 3 * MIB);
  check(growing, 3 * MIB, all, "a block that has shrunk");
  free(growing);
}

static void check_alone(void) {
  char *block = malloc(1200 * KIB);
  for (size_t size = 1300 * KIB; size < 12 * MIB; size += size / 3) {
    check(block = realloc(block, size), size, 1, "a block whose pages were moved");
  }
  madvise(block + MIB, PAGE, MADV_DONTDUMP); /* two more mappings for the kernel, which moves one at a time */
  check(block = realloc(block, 30 * MIB), 30 * MIB, 1, "a block that had to be copied");
}

static void check_stuck(void) {
  char *first = malloc(6 * MIB);
  if (first == NULL || !faults(first + 6 * MIB, PAGE)) fail("a block of 6 MiB has no sealed page");
  free(first);
  char *block = malloc(2 * MIB);
  if (block != first) fail("the memory of a freed block is not used again");
  memset(block, 7, 2 * MIB);
  block = realloc(block, 6 * MIB + 2 * PAGE);
  if (block == NULL || block == first) fail("the block grew in place");
  for (size_t at = 0; at < 2 * MIB; at++) {
    if (block[at] != 7) fail("a block lost its bytes");
  }
  memset(block, 8, malloc_usable_size(block));
}

#define PAST_SIZE (1100 * KIB)

static void write_past(size_t align) {
  char *volatile block = NULL;
  for (unsigned i = 0; i < 70; i++) {
    if ((block = align != 0 ? aligned_alloc(align, PAST_SIZE) : malloc(PAST_SIZE)) == NULL) fail("no memory");
  }
  printf("%p\n", block);
  fflush(stdout);
  for (size_t at = PAST_SIZE; at < PAST_SIZE + 2 * MIB; at++) block[at] = 1;
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
  if (argc == 2 && strcmp(argv[1], "new") == 0) check_ends(0);
  else if (argc == 2 && strcmp(argv[1], "all") == 0) check_ends(1);
  else if (argc == 2 && strcmp(argv[1], "alone") == 0) check_alone();
  else if (argc == 2 && strcmp(argv[1], "stuck") == 0) check_stuck();
  else if (argc == 2 && strcmp(argv[1], "many") == 0) check_many();
  else if (argc == 2 && strcmp(argv[1], "past") == 0) write_past(0);
  else if (argc == 2 && strcmp(argv[1], "aligned") == 0) write_past(MIB);
  else return 2;
  return 0;
}
