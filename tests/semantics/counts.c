/*
 * Does a known number of operations in several threads and writes, for every class row, what it did:
 *
 *   counts N                prints "row allocs frees" for each row; N scales the work
 *   counts --read FILE      prints the same from a statistics file of a process that has ended
 *
 * Half of the threads end; the others still exist, at rest, when the process ends. Blocks are freed by other threads
 * than those that allocated them. What libc itself allocates does not depend on N, so the difference of two runs is exact.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "statistics/stats_block.h"

#define THREADS 6

struct link {
  struct link *next;
};

static atomic_uint_fast64_t allocs[CLASS_ROWS], frees[CLASS_ROWS];
static unsigned amount;
static pthread_barrier_t round_done, at_rest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct link *shared[CLASS_ROWS];

static void *counted(void *p, uint32_t row) {
  if (p == NULL) abort();
  allocs[row]++;
  return p;
}

static void give_back(void *p, uint32_t row) {
  frees[row]++;
  free(p);
}

/* The largest request of a row. */
static size_t size_of(uint32_t row) { return row < CLASS_COUNT ? class_stride(row) - 1 : row == CLASS_LARGE ? 300000 : 3000000; }

static void *block_of(uint32_t row, size_t size, bool zeroed) {
  if (row >= CLASS_ALIGNED && row < CLASS_COUNT) return aligned_alloc(class_first(row), size);
  return zeroed ? calloc(1, size) : malloc(size);
}

static void use_row(uint32_t row) {
  const size_t size = size_of(row);
  const unsigned n = row < CLASS_COUNT ? amount : amount / 16 + 1;
  struct link *mine = NULL;
  for (unsigned i = 0; i < n; i++) {
    struct link *p = counted(block_of(row, size, i % 4 == 0), row);
    if (i % 3 == 0) {
      give_back(p, row);
      continue;
    }
    p->next = mine;
    mine = p;
  }
  /* Into another class: a block there comes, one here goes. In place: nothing. */
  if (row + 8 < CLASS_ALIGNED && mine != NULL) {
    const size_t larger = size_of(row + 8);
    struct link *p = mine;
    mine = p->next;
    counted(p = realloc(p, larger), row + 8);
    frees[row]++;
    p = realloc(p, larger - 1);
    give_back(p, row + 8);
  }
  pthread_mutex_lock(&lock);
  struct link *theirs = shared[row];
  shared[row] = mine;
  pthread_mutex_unlock(&lock);
  for (struct link *next; theirs != NULL; theirs = next) {
    next = theirs->next;
    give_back(theirs, row);
  }
}

static void *work(void *arg) {
  for (uint32_t row = 0; row < CLASS_ROWS; row++) use_row(row);
  pthread_barrier_wait(&round_done);
  if ((size_t)arg % 2 == 0) return NULL;
  pthread_barrier_wait(&at_rest);
  for (;;) pause();
}

static int read_file(const char *path) {
  const int fd = open(path, O_RDONLY);
  const struct stats_block *b = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *b, PROT_READ, MAP_SHARED, fd, 0);
  if (b == MAP_FAILED) return perror(path), 1;
  if (memcmp(b->magic, STATS_MAGIC, sizeof b->magic) != 0 || b->version != STATS_VERSION || b->size != sizeof *b) {
    fprintf(stderr, "%s is not a statistics file of this version\n", path);
    return 1;
  }
  if (b->complete != 1) return fprintf(stderr, "%s is not complete\n", path), 1;
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    printf("%u %llu %llu\n", row, (unsigned long long)b->cls[row].allocs, (unsigned long long)b->cls[row].frees);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--read") == 0) return read_file(argv[2]);
  if (argc != 2) return 2;
  amount = (unsigned)strtoul(argv[1], NULL, 10);
  pthread_barrier_init(&round_done, NULL, THREADS);
  pthread_barrier_init(&at_rest, NULL, THREADS / 2 + 1);
  pthread_t thread[THREADS];
  for (size_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, work, (void *)i);
  for (size_t i = 0; i < THREADS; i += 2) pthread_join(thread[i], NULL);
  pthread_barrier_wait(&at_rest);
  usleep(50000); /* the threads at rest have left the barrier, which allocates nothing */
  char line[64];
  for (uint32_t row = 0; row < CLASS_ROWS; row++) {
    const int n = snprintf(line, sizeof line, "%u %llu %llu\n", row, (unsigned long long)allocs[row], (unsigned long long)frees[row]);
    if (write(STDOUT_FILENO, line, (size_t)n) != n) return 1;
  }
  return 0;
}
