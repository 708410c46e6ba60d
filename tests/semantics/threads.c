/*
 * Threads that come and go:   threads KIND
 *
 *   short    thousands of them, one after the other and in pairs: the process must not grow
 *   small    with the smallest stack that the system allows
 *   late     that allocate in TLS destructors, after their lists were taken over, in both kinds of destructor
 *   hand     a block freed by a thread that never allocated, and memory that an ended thread left
 *   apart    two threads that replace small blocks of their own: these must not come to lie in the same cache lines
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "threads"
#include "resident.h"

static void use_some(unsigned seed) {
  void *p[40];
  for (unsigned i = 0; i < 40; i++) {
    const size_t size = (seed * 31 + i * i * 37) % 6000;
    p[i] = i % 5 == 0 ? calloc(1, size) : malloc(size);
    if (p[i] == NULL) fail("out of memory");
    memset(p[i], (int)i, size);
  }
  for (unsigned i = 0; i < 40; i++) {
    if (i % 3 == 0) p[i] = realloc(p[i], 7000 + i);
    free(p[i]);
  }
}

static void *use_all_sizes(void *arg) {
  for (size_t size = 1; size < 3000000; size = size * 5 / 4 + 1) {
    void *p = malloc(size), *q = calloc(1, size), *r = NULL;
    if (p == NULL || q == NULL || posix_memalign(&r, 128, size) != 0) fail("out of memory");
    memset(p, 1, size);
    p = realloc(p, size + size / 2);
    free(q), free(p), free(r);
  }
  return arg;
}

static void *run_short(void *arg) {
  use_some((unsigned)(uintptr_t)arg);
  return NULL;
}

static void run(void *(*body)(void *), const pthread_attr_t *attr, unsigned count) {
  for (unsigned i = 0; i < count; i += 2) {
    pthread_t a, b;
    if (pthread_create(&a, attr, body, (void *)(uintptr_t)i) != 0) fail("cannot start a thread");
    if (pthread_create(&b, attr, body, (void *)(uintptr_t)(i + 1)) != 0) fail("cannot start a thread");
    pthread_join(a, NULL);
    pthread_join(b, NULL);
  }
}

static void check_short(void) {
  run(run_short, NULL, 3000);
  const long before = resident_kib();
  run(run_short, NULL, 12000);
  const long after = resident_kib();
  printf("resident after 3000 threads: %ld KiB, after 15000: %ld KiB\n", before, after);
  if (after > before + 1024) fail("the process grew by more than 1 MiB over 12000 threads");
}

static void check_small(void) {
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  const long least = sysconf(_SC_THREAD_STACK_MIN);
  if (pthread_attr_setstacksize(&attr, least > 16384 ? (size_t)least : 16384) != 0) fail("no such stack");
  run(use_all_sizes, &attr, 8);
}

/* ---- Destructors. ---- */

static pthread_key_t first_key, second_key;
static unsigned destructions;
static __thread void *kept;

static void destroy(void *p) {
  free(p);
  use_some(3);
  void *q = malloc(50000);
  free(q);
  __atomic_fetch_add(&destructions, 1, __ATOMIC_RELAXED);
}

/* Runs again until glibc stops: each time, the thread has fewer lists than before. */
static void destroy_again(void *p) {
  free(p);
  pthread_setspecific(second_key, malloc(100));
  free(kept);
  kept = malloc(200);
  use_some(5);
  __atomic_fetch_add(&destructions, 1, __ATOMIC_RELAXED);
}

extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static void *run_late(void *arg) {
  pthread_setspecific(first_key, malloc(1000));
  pthread_setspecific(second_key, malloc(100));
  __cxa_thread_atexit_impl(destroy, malloc(77), &__dso_handle);
  if ((uintptr_t)arg % 3 == 0) use_some(1);
  return NULL;
}

static void check_late(void) {
  pthread_key_create(&first_key, destroy);
  pthread_key_create(&second_key, destroy_again);
  run(run_late, NULL, 400);
  if (destructions < 400 * 3) fail("a destructor did not run");
  /* What the last round of destructors leaves behind is the program's own leak; 12 KiB per thread would be hakmem's. */
  const long before = resident_kib();
  run(run_late, NULL, 2000);
  const long grown = resident_kib() - before;
  printf("grown by %ld KiB\n", grown);
  if (grown > 4096) fail("threads whose destructors allocate leave too much behind");
}

/* What a thread kept is often freed by the destructor of its key, which is younger than hakmem's. */
#define KEPT_NODES 1000

static void destroy_nodes(void *first) {
  for (void **node = first, **next; node != NULL; node = next) {
    next = *node;
    free(node);
  }
}

static void *keep_nodes(void *arg) {
  void **first = NULL;
  for (unsigned i = 0; i < KEPT_NODES; i++) {
    void **const node = malloc(48);
    *node = first;
    first = node;
  }
  pthread_setspecific(first_key, first);
  return arg;
}

static void destroy_first(void *p) {
  (void)p;
  use_some(3);
}

static void *run_idle(void *arg) {
  pthread_setspecific(second_key, &second_key);
  return arg;
}

static void check_keys(void) {
  pthread_key_create(&first_key, destroy_nodes);
  run(keep_nodes, NULL, 20);
}

static void check_first(void) {
  pthread_key_create(&second_key, destroy_first); /* where the thread first allocates */
  run(run_idle, NULL, 100);
  const long before = resident_kib();
  run(run_idle, NULL, 2000);
  const long grown = resident_kib() - before;
  if (grown > 4096) fail("threads that first allocate in a destructor leave too much behind");
}

/* ---- From hand to hand. ---- */

static void *free_all(void *blocks) {
  void **p = blocks;
  for (unsigned i = 0; i < 1000; i++) free(p[i]);
  return NULL;
}

static void *allocate_all(void *blocks) {
  void **p = blocks;
  for (unsigned i = 0; i < 1000; i++) {
    p[i] = malloc(i * 40);
    if (p[i] == NULL) fail("out of memory");
    memset(p[i], 0x5a, i * 40);
  }
  return NULL;
}

static void check_hand(void) {
  static void *blocks[1000];
  long before = 0;
  for (unsigned round = 0; round < 60; round++) {
    pthread_t t;
    pthread_create(&t, NULL, allocate_all, blocks);
    pthread_join(t, NULL);
    for (unsigned i = 1; i < 1000; i++) {
      for (unsigned k = 0; k < i * 40; k += 39) {
        if (((unsigned char *)blocks[i])[k] != 0x5a) fail("contents changed");
      }
    }
    pthread_create(&t, NULL, free_all, blocks);
    pthread_join(t, NULL);
    if (round == 10) before = resident_kib();
  }
  const long grown = resident_kib() - before;
  printf("grown by %ld KiB\n", grown);
  if (grown > 20480) fail("20 MB that ended threads left were not used again");
}

/* ---- Side by side. ---- */

#define PLACES 3000
#define RUN 12
#define OPERATIONS 4000000
#define LINE 64

static struct place {
  unsigned char *block;
  unsigned size;
} table[2][PLACES];

static pthread_barrier_t both; /* a thread that begins later than the other one ends would inherit its lists */

static void *replace(void *arg) {
  pthread_barrier_wait(&both);
  struct place *const mine = table[(uintptr_t)arg];
  uint64_t random = 88172645463325252u + (uintptr_t)arg;
  for (unsigned done = 0; done < OPERATIONS; done += RUN) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    struct place *const run = &mine[(random >> 32) % (PLACES - RUN + 1)];
    for (unsigned i = 0; i < RUN; i++) free(run[i].block);
    for (unsigned i = 0; i < RUN; i++) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      run[i].size = 8 + (unsigned)((random >> 32) % 121);
      run[i].block = malloc(run[i].size);
      if (run[i].block == NULL) fail("out of memory");
      run[i].block[0] = 1;
    }
  }
  pthread_barrier_wait(&both);
  return NULL;
}

static int by_number(const void *a, const void *b) {
  const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
  return (x > y) - (x < y);
}

static void check_apart(void) {
  static uintptr_t lines[2 * PLACES * 3]; /* the number of each block's lines, times two, plus the thread's */
  pthread_barrier_init(&both, NULL, 2);
  run(replace, NULL, 2);
  unsigned count = 0, used = 0, shared = 0;
  for (uintptr_t thread = 0; thread < 2; thread++) {
    for (unsigned i = 0; i < PLACES; i++) {
      const struct place *const place = &table[thread][i];
      if (place->block == NULL) continue;
      const uintptr_t first = (uintptr_t)place->block / LINE, last = ((uintptr_t)place->block + place->size - 1) / LINE;
      for (uintptr_t line = first; line <= last; line++) lines[count++] = 2 * line + thread;
    }
  }
  qsort(lines, count, sizeof(lines[0]), by_number);
  for (unsigned i = 0; i < count; i++) {
    used += i == 0 || lines[i] / 2 != lines[i - 1] / 2;
    shared += i > 0 && lines[i] / 2 == lines[i - 1] / 2 && lines[i] != lines[i - 1];
  }
  printf("of %u cache lines, both threads use %u\n", used, shared);
  fflush(stdout);
  if (shared > used / 100) fail("more than 1 % of the lines are used by both threads");
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "short") == 0) check_short();
  else if (strcmp(argv[1], "small") == 0) check_small();
  else if (strcmp(argv[1], "late") == 0) check_late();
  else if (strcmp(argv[1], "keys") == 0) check_keys();
  else if (strcmp(argv[1], "first") == 0) check_first();
  else if (strcmp(argv[1], "hand") == 0) check_hand();
  else if (strcmp(argv[1], "apart") == 0) check_apart();
  else return 2;
  return 0;
}
