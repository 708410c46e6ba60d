/*
 * limits.c: what a program can have under limits of the system.
 *
 *   limits as|data MIB SIZE   under a limit of address space or of data: blocks of SIZE until NULL, all are freed, and then the largest block that can
 *                             be had. Prints both in KiB. While no more can be had, a block shrinks
 *   limits maps               nearly all mappings that the process may have are used up: blocks come, go and change, and some cannot be had.
 *                             When the mappings are there again, all can be had, and freed memory is released. Prints how many could not be had
 *   limits sizes MIB          blocks of MIB in all are filled and freed, size after size. Prints how many KiB were resident at most
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME "limits"
#include "resident.h"

/* ---- Address space, data. ---- */

static void fill_and_empty(__rlimit_resource_t resource, size_t limit, size_t size) {
  struct rlimit least = {limit, limit};
  if (setrlimit(resource, &least) != 0) fail("no limit can be set");
  void **all = NULL, **block;
  size_t total = 0;
  while (total < limit && (block = malloc(size)) != NULL) {
    *block = all;
    all = block;
    total += size;
  }
  if (size >= 40000 && (all = realloc(all, size / 3)) == NULL) fail("a block cannot shrink");
  for (void **next; all != NULL; all = next) {
    next = *all;
    free(all);
  }
  size_t largest = limit;
  for (void *p; largest > 4096 && (p = malloc(largest)) == NULL;) largest -= largest / 16;
  printf("%zu %zu\n", total >> 10, largest >> 10);
}

/* ---- Mappings. ---- */

enum { SPARE = 4, BLOCKS = 300, STEPS = 20000 };
static const size_t sizes[] = {24, 700, 5000, 33000, 70000, 300000, 1100000, 2500000, 6000000};
static struct block {
  unsigned char *p;
  size_t size;
} blocks[BLOCKS];
static unsigned refused;
static int all_can_be_had;

static unsigned below(unsigned n) {
  static uint64_t state = 29;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % n;
}

static void check(const struct block *b) {
  const unsigned char mark = (unsigned char)(b - blocks);
  if (b->p != NULL && (b->p[0] != mark || b->p[b->size - 1] != mark || b->p[b->size / 2] != mark)) fail("a block does not hold what was written to it");
}

static void take(struct block *b, void *p, size_t size) {
  if (p == NULL) {
    refused++;
    if (all_can_be_had) fail("memory is there again, and a block cannot be had");
    if (errno != ENOMEM) fail("NULL without ENOMEM");
    return;
  }
  b->p = p;
  b->size = size;
  b->p[0] = b->p[size - 1] = b->p[size / 2] = (unsigned char)(b - blocks);
}

static void step(void) {
  struct block *const b = &blocks[below(BLOCKS)];
  const size_t size = sizes[below(sizeof sizes / sizeof *sizes)];
  check(b);
  if (b->p != NULL && below(3) == 0) {
    take(b, realloc(b->p, size), size);
    return;
  }
  free(b->p);
  b->p = NULL;
  if (below(3) == 0) return;
  unsigned char *const p = below(2) == 0 ? malloc(size) : calloc(1, size);
  take(b, p, size);
}

/* Pages that can be written and pages that cannot, in turn: each is a mapping to the kernel. Returns how many, at most `most`. */
static size_t use_up(char *base, size_t most) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t i = 1; i < most; i += 2) {
    if (mprotect(base + i * page, page, PROT_READ) != 0) return i;
  }
  return most;
}

static void check_maps(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned long most = 0;
  FILE *const file = fopen("/proc/sys/vm/max_map_count", "r");
  if (file == NULL || fscanf(file, "%lu", &most) != 1) exit(77);
  fclose(file);
  if (most > 300000) {
    puts("vm.max_map_count is too large to be used up");
    exit(77);
  }
  for (unsigned i = 0; i < 1000; i++) step();
  char *const base = mmap(NULL, (most + 2) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) exit(77);
  const size_t used = use_up(base, most + 2);
  munmap(base, SPARE * page); /* some are left */
  for (unsigned i = 0; i < STEPS; i++) step();
  if (munmap(base + SPARE * page, (most + 2 - SPARE) * page) != 0) fail("the mappings cannot be unmapped");
  printf("%zu mappings, %u blocks could not be had\n", used, refused);
  all_can_be_had = 1;
  for (unsigned i = 0; i < STEPS / 4; i++) step();
  for (unsigned i = 0; i < BLOCKS; i++) {
    check(&blocks[i]);
    free(blocks[i].p);
  }
  malloc_trim(0);
  if (resident_kib() > 30000) fail("all is free, and still resident");
}

/* ---- A cgroup: the kernel ends a process that keeps what it freed. ---- */

static void change_sizes(size_t total) {
  for (unsigned i = 1; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t count = total / sizes[i];
    unsigned char **const all = malloc(count * sizeof(*all));
    for (size_t n = 0; n < count; n++) {
      if ((all[n] = malloc(sizes[i])) == NULL) fail("a block cannot be had");
      memset(all[n], (int)n, sizes[i]);
    }
    for (size_t n = 0; n < count; n++) {
      if (all[n][sizes[i] - 1] != (unsigned char)n) fail("a block does not hold what was written to it");
      free(all[n]);
    }
    free(all);
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld\n", usage.ru_maxrss);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "as") == 0) fill_and_empty(RLIMIT_AS, strtoul(argv[2], NULL, 10) << 20, strtoul(argv[3], NULL, 10));
  else if (argc == 4 && strcmp(argv[1], "data") == 0) fill_and_empty(RLIMIT_DATA, strtoul(argv[2], NULL, 10) << 20, strtoul(argv[3], NULL, 10));
  else if (argc == 2 && strcmp(argv[1], "maps") == 0) check_maps();
  else if (argc == 3 && strcmp(argv[1], "sizes") == 0) change_sizes(strtoul(argv[2], NULL, 10) << 20);
  else return 2;
  return 0;
}
