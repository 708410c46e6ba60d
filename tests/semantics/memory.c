/*
 * Memory runs out, and is released again:   memory KIND
 *
 *   limit    under ulimit -v: allocate until NULL with ENOMEM, free all, and do it again with as much success

 *   all      under ulimit -v: fill memory with blocks of many sizes, each time as much as there is; freed, it serves one block of nearly all of it
 *   odd      under ulimit -v: blocks that fill their units badly use up what there is, and come, go and change after that; then as above
 *   release  a large working set is freed: after the delay, and after malloc_trim, it is no longer resident
 *   loop     malloc and free of 1 MiB, 64 MiB: no system call each time, so the time of a million is bounded
 *   later    blocks of all sizes, then a limit of 200 MB on address space: five threads, and the same blocks again
 *   zeroed   calloc of 3 MiB, and of 6 MiB, by one thread and where there are two: prints how many KiB became resident each time
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NAME "memory"
#include "resident.h"

struct link {
  struct link *next;
};

/* Bytes that could be had. */
static size_t exhaust(size_t size) {
  struct link *all = NULL, *p;
  size_t total = 0;
  errno = 0;
  while ((p = malloc(size)) != NULL) {
    p->next = all;
    all = p;
    total += size;
    if (total > (size_t)8 << 30) fail("there is no limit");
  }
  if (errno != ENOMEM) fail("NULL without ENOMEM");
  if (malloc(size) != NULL && malloc(size) != NULL) fail("memory appeared from nowhere");
  for (struct link *next; all != NULL; all = next) {
    next = all->next;
    free(all);
  }
  return total;
}

static void check_limit(void) {
  static const size_t sizes[] = {24, 1000, 30000, 200000, 3000000};
  for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const size_t first = exhaust(sizes[i]);
    malloc_trim(0);
    const size_t second = exhaust(sizes[i]);
    malloc_trim(0);
    printf("blocks of %zu bytes: %zu MiB, then %zu MiB\n", sizes[i], first >> 20, second >> 20);
    if (first < (size_t)200 << 20) fail("less than half of the limit could be had");
    if (second < first - first / 8) fail("the second time there was less");
  }
}

/* ---- What lies between blocks is not lost. ---- */

#define MOST (1 << 20)

static char *blocks[MOST];
static size_t sizes[MOST];
static unsigned count;

static size_t address_space(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) fail("ulimit -v is not set");
  return limit.rlim_cur;
}

static uint32_t draw(uint32_t limit) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % limit;
}

/* A block's first and last byte say which one it is, its last usable one too. */
static void mark(unsigned i) { blocks[i][0] = blocks[i][sizes[i] - 1] = blocks[i][malloc_usable_size(blocks[i]) - 1] = (char)i; }

static void check(unsigned i) {
  if (blocks[i][0] != (char)i || (sizes[i] > 1 && blocks[i][sizes[i] - 1] != (char)i)) fail("a block does not hold what was written to it");
}

/* Fills memory; returns the bytes. */
static size_t fill(size_t least, size_t most) {
  size_t total = 0;
  for (count = 0; count < MOST; count++) {
    sizes[count] = least + draw((uint32_t)(most - least + 1));
    if ((blocks[count] = malloc(sizes[count])) == NULL) break;
    total += sizes[count];
    mark(count);
  }
  if (count == MOST) fail("there is no limit");
  return total;
}

static void empty(void) {
  for (; count > 0; count--) {
    check(count - 1);
    free(blocks[count - 1]);
  }
  void *block = malloc(address_space() / 10 * 8);
  if (block == NULL) fail("all is free, and a large block cannot be had");
  free(block);
}

static void check_all(void) {
  static const size_t kinds[] = {5000, 40000, 66000, 300000, 700000};
  for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    const size_t total = fill(kinds[i], kinds[i]);
    printf("blocks of %zu bytes: %zu of %zu MiB\n", kinds[i], total >> 20, address_space() >> 20);
    if (total < address_space() / 100 * 80) fail("too much of the address space is lost");
    empty();
  }
}

static void check_odd(void) {
  for (unsigned round = 0; round < 2; round++) {
    const size_t total = fill(37000, 250000);
    if (total < address_space() / 100 * 80) fail("too much of the address space is lost");
    unsigned resized = 0, again = 0;
    for (unsigned step = 0; step < 5000; step++) {
      const unsigned i = draw(count);
      const size_t size = 20000 + draw(230000);
      check(i);
      char *const other = draw(2) != 0 ? realloc(blocks[i], size) : NULL;
      if (other != NULL) {
        if (other[0] != (char)i) fail("realloc lost what was in the block");
        blocks[i] = other;
        sizes[i] = size;
        resized++;
      } else {
        free(blocks[i]);
        if ((blocks[i] = malloc(size)) == NULL) {
          /* The last one takes its place. */
          if (i == --count) continue;
          check(count);
          blocks[i] = blocks[count];
          sizes[i] = sizes[count];
        } else {
          sizes[i] = size;
          again++;
        }
      }
      mark(i);
    }
    if (resized == 0 || again == 0) fail("nothing can be had once memory was full");
    empty();
  }
}

static void pause_ms(long ms) { nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL); }

static void check_release(void) {
  enum { N = 200000 };
  static void *p[N];
  const long before = resident_kib();
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < N; i++) memset(p[i] = malloc(500 + i % 500), 1, 500);
    const long full = resident_kib();
    for (unsigned i = 0; i < N; i++) free(p[i]);
    if (full - before < 100000) fail("the working set is not resident at all");
    if (round == 0) {
      malloc_trim(0);
    } else {
      /* There is no background thread: the next thread that allocates returns what is due. */
      for (unsigned i = 0; i < 40; i++) {
        pause_ms(100);
        for (unsigned k = 0; k < 20000; k++) {
          void *q = malloc(k % 64 * 40);
          free(q);
          if (k % 100 == 0) free(malloc(70000));
        }
      }
    }
    const long after = resident_kib();
    printf("%s: resident %ld KiB before, %ld full, %ld after\n", round == 0 ? "malloc_trim" : "delay", before, full, after);
    if (after - before > (full - before) / 8) fail("freed memory is still resident");
  }
}

static void check_loop(void) {
  for (size_t size = 1 << 20; size <= 32u << 20; size *= 32) {
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (unsigned i = 0; i < 200000; i++) {
      char *volatile p = malloc(size);
      if (p == NULL) fail("out of memory");
      p[0] = p[size - 1] = 1;
      free(p);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    const double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 200000;
    printf("%zu MiB: %.0f ns for malloc, two writes and free\n", size >> 20, ns);
    if (ns > 4000) fail("malloc and free of a large block cost system calls");
  }
}

static void *wait_for_ever(void *arg) {
  pause();
  return arg;
}

static void check_zeroed(void) {
  for (unsigned round = 0; round < 2; round++) {
    for (size_t mib = 3; mib <= 6; mib += 3) {
      const long before = resident_kib();
      const char *volatile block = calloc(mib, 1 << 20);
      if (block == NULL) fail("out of memory");
      printf("%ld ", resident_kib() - before);
      for (size_t i = 0; i < mib << 20; i++) {
        if (block[i] != 0) fail("a byte of a block of calloc is not zero");
      }
    }
    pthread_t other;
    if (round == 0 && pthread_create(&other, NULL, wait_for_ever, NULL) != 0) fail("no thread");
  }
  puts("");
}

/* A limit on address space that the program sets itself leaves place for threads and blocks. */
static void check_later(void) {
  static const size_t varied[] = {100, 5000, 60000, 900000, 3000000, 30000000};
  for (unsigned i = 0; i < sizeof varied / sizeof *varied; i++) free(malloc(varied[i]));
  malloc_trim(0);
  if (setrlimit(RLIMIT_AS, &(struct rlimit){200 << 20, 200 << 20}) != 0) fail("no limit");
  for (unsigned i = 0; i < 5; i++) {
    pthread_t other;
    if (pthread_create(&other, NULL, wait_for_ever, NULL) != 0) fail("a thread finds no address space");
  }
  for (unsigned round = 0; round < 3; round++) {
    void *block[sizeof varied / sizeof *varied];
    for (unsigned i = 0; i < sizeof varied / sizeof *varied; i++) {
      block[i] = malloc(varied[i]);
      if (block[i] == NULL) fail("a block finds no address space");
    }
    for (unsigned i = 0; i < sizeof varied / sizeof *varied; i++) free(block[i]);
  }
  exit(0);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "limit") == 0) check_limit();
  else if (strcmp(argv[1], "all") == 0) check_all();
  else if (strcmp(argv[1], "odd") == 0) check_odd();
  else if (strcmp(argv[1], "release") == 0) check_release();
  else if (strcmp(argv[1], "loop") == 0) check_loop();
  else if (strcmp(argv[1], "zeroed") == 0) check_zeroed();
  else if (strcmp(argv[1], "later") == 0) check_later();
  else return 2;
  return 0;
}
