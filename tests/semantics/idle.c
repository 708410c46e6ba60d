/*
 * What threads keep that do nothing:   idle KIND [THREADS]
 *
 *   burst    a thread frees a burst and rests, this one makes a call now and then: the memory is returned
 *   alone    the same of this thread itself
 *   trim     a trim reaches what a resting thread has in its lists
 *   wake     threads rest and work in turn while others collect what they have; their blocks stay theirs
 *   threads  THREADS threads have a burst each, rest, and end: what is resident, in KiB, at rest and after the end; fails in no case
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "idle"
#include "resident.h"

enum { BLOCKS = 100000, TRIES = 300 };

static pthread_barrier_t barrier;

static void rest_ms(long ms) { nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL); }

/* Some 60 MB in all sizes up to 1200 bytes. */
static void have_burst(void) {
  static char *p[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) {
    p[i] = malloc(16 + i * 7 % 1184);
    if (p[i] == NULL) fail("out of memory");
    p[i][0] = 1;
  }
  for (unsigned i = 0; i < BLOCKS; i++) free(p[i]);
}

static void *burst_and_rest(void *arg) {
  have_burst();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  free(malloc(100));
  return arg;
}

/* Calls now and then until no more than some MB are left of the burst. */
static void wait_for_return(long before) {
  const long full = resident_kib();
  for (unsigned i = 0; i < TRIES && resident_kib() > before + 6000; i++) {
    rest_ms(10);
    free(malloc(50));
  }
  const long after = resident_kib();
  printf("resident: %ld KiB before, %ld after the burst, %ld in the end\n", before, full, after);
  if (after > before + 6000) fail("what was freed is still resident");
}

static void check_burst(void) {
  pthread_t t;
  const long before = resident_kib();
  if (pthread_create(&t, NULL, burst_and_rest, NULL) != 0) fail("no thread");
  pthread_barrier_wait(&barrier);
  wait_for_return(before);
  pthread_barrier_wait(&barrier);
  pthread_join(t, NULL);
}

static void check_alone(void) {
  const long before = resident_kib();
  have_burst();
  wait_for_return(before);
}

static void *short_burst_and_rest(void *arg) {
  for (size_t size = 16; size < 32000; size += size / 4) {
    void *p[50];
    for (unsigned i = 0; i < 50; i++) memset(p[i] = malloc(size), 1, size);
    for (unsigned i = 0; i < 50; i++) free(p[i]);
  }
  return burst_and_rest(arg);
}

static void check_trim(void) {
  pthread_t t;
  const long before = resident_kib();
  if (pthread_create(&t, NULL, short_burst_and_rest, NULL) != 0) fail("no thread");
  pthread_barrier_wait(&barrier);
  malloc_trim(0);
  const long after = resident_kib();
  printf("resident: %ld KiB before, %ld after the trim\n", before, after);
  if (after > before + 2000) fail("a trim leaves what a resting thread has");
  pthread_barrier_wait(&barrier);
  pthread_join(t, NULL);
}

/* ---- Wake. ---- */

enum { WORKERS = 8, LIVE = 300 };
static int over; /* atomic */

static void *work_and_rest(void *arg) {
  struct {
    unsigned char *at, with;
    size_t size;
  } live[LIVE] = {0};
  uint64_t random = (uintptr_t)arg * 2654435761u + 1;
  while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
    for (unsigned n = (unsigned)(random >> 40) % 200; n > 0; n--) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const unsigned i = (unsigned)(random >> 33) % LIVE;
      for (size_t k = 0; k < live[i].size; k++) {
        if (live[i].at[k] != live[i].with) fail("a live block was written to");
      }
      free(live[i].at);
      live[i].size = (random >> 20) % 8 == 0 ? (random >> 24) % 5000 : (random >> 24) % 200;
      live[i].with = (unsigned char)(random >> 50);
      live[i].at = malloc(live[i].size);
      if (live[i].at == NULL) fail("out of memory");
      memset(live[i].at, live[i].with, live[i].size);
    }
    if (random >> 63 != 0) rest_ms((long)(random >> 60 & 3));
  }
  for (unsigned i = 0; i < LIVE; i++) free(live[i].at);
  return NULL;
}

static void check_wake(void) {
  pthread_t t[WORKERS];
  for (uintptr_t i = 0; i < WORKERS; i++) {
    if (pthread_create(&t[i], NULL, work_and_rest, (void *)i) != 0) fail("no thread");
  }
  struct timespec from, now;
  clock_gettime(CLOCK_MONOTONIC, &from);
  do {
    malloc_trim(0);
    if (rand() % 4 == 0) rest_ms(1);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - from.tv_sec < 2);
  __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(t[i], NULL);
  malloc_trim(0);
  printf("live after the end: %zu bytes\n", mallinfo2().uordblks);
  if (mallinfo2().uordblks > 100000) fail("blocks were lost");
}

/* ---- Threads. ---- */

static void *have_its_turn(void *arg) {
  static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
  static char *p[5000];
  pthread_mutex_lock(&turn);
  for (unsigned round = 0; round < 2; round++) {
    for (size_t size = 24; size < 20000; size += size / 5) {
      const unsigned n = (unsigned)(100000 / size) + 1;
      for (unsigned i = 0; i < n; i++) memset(p[i] = malloc(size), 1, size);
      for (unsigned i = 0; i < n; i++) free(p[i]);
    }
  }
  pthread_mutex_unlock(&turn);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return arg;
}

static void measure_threads(unsigned threads) {
  pthread_attr_t attr;
  pthread_t *t = calloc(threads, sizeof(*t));
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 64 << 10);
  for (unsigned i = 0; i < threads; i++) {
    if (pthread_create(&t[i], &attr, have_its_turn, NULL) != 0) fail("no thread");
  }
  pthread_barrier_wait(&barrier);
  const long at_rest = resident_kib();
  pthread_barrier_wait(&barrier);
  for (unsigned i = 0; i < threads; i++) pthread_join(t[i], NULL);
  for (unsigned i = 0; i < 200; i++) {
    rest_ms(10);
    for (unsigned k = 0; k < 100; k++) free(malloc(k * 20));
  }
  printf("%ld %ld\n", at_rest, resident_kib());
  free(t);
}

int main(int argc, char **argv) {
  const unsigned threads = argc == 3 ? (unsigned)atoi(argv[2]) : 1;
  if (argc < 2 || argc > 3 || pthread_barrier_init(&barrier, NULL, threads + 1) != 0) return 2;
  if (strcmp(argv[1], "burst") == 0) check_burst();
  else if (strcmp(argv[1], "alone") == 0) check_alone();
  else if (strcmp(argv[1], "trim") == 0) check_trim();
  else if (strcmp(argv[1], "wake") == 0) check_wake();
  else if (strcmp(argv[1], "threads") == 0) measure_threads(threads);
  else return 2;
  return 0;
}
