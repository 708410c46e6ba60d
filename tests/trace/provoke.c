/*
 * provoke.c: makes the events of src/events.h happen, and prints what a reader of the trace can check, as "NAME VALUE" lines.
 *
 *   provoke paths        every slow path, under HAKMEM_SS_SIZE=512K HAKMEM_SS_LIMIT=16 HAKMEM_RELEASE_DELAY=200
 *                        HAKMEM_STATS_INTERVAL=20 HAKMEM_DRAIN_INTERVAL=64; ends with _exit, so that nothing happens after it
 *   provoke operations   a known number of operations of known sizes, and a library that is opened with RTLD_DEEPBIND, under HAKMEM_TRACE=full
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MANY 120000
#define HUGE_BYTES ((size_t)8 << 20)
#define OPERATIONS 1000
#define ODD_SIZE 777 /* no other code asks for this size */
#define ODDER_SIZE 2777

static void *block[MANY];

static void *must(void *p) {
  if (p == NULL) abort();
  return p;
}

static void fill(size_t size, size_t count) {
  for (size_t i = 0; i < count; i++) block[i] = memset(must(malloc(size)), 1, size);
}

static void empty(size_t count) {
  for (size_t i = 0; i < count; i++) free(block[i]);
}

/* Blocks of the main thread: batches for it, and a drain at this thread's end. */
static void *other_thread(void *argument) {
  (void)argument;
  empty(MANY / 8);
  return NULL;
}

/* A string of 31 characters in 31 bytes: its end lands in the header of the block behind it. */
static void off_by_one(void) {
  enum { LENGTH = 31, COUNT = 64 };
  fill(LENGTH, COUNT);
  for (int i = 0; i < COUNT; i++) {
    for (int k = 0; k < COUNT; k++) {
      if ((char *)block[i] + LENGTH + 1 != block[k]) continue;
      memset(block[i], 'x', LENGTH);
      ((char *)block[i])[LENGTH] = '\0';
      printf("fault %p\nleft %p\n", block[k], block[i]);
      free(block[k]);
      block[k] = NULL;
      empty(COUNT);
      return;
    }
  }
  abort();
}

static void paths(void) {
  fill(100, MANY);                          /* beyond the limit: shared_fail, and legacy serves */
  for (int round = 0; round < 5; round++) { /* batches that wait for longer than the delay go back to their slabs; not in every round */
    pthread_t thread;
    if (pthread_create(&thread, NULL, other_thread, NULL) != 0) abort();
    pthread_join(thread, NULL);
    for (size_t i = 0; i < MANY / 8; i++) block[i] = must(malloc(100));
  }
  empty(MANY);
  for (int round = 0; round < 20; round++) { /* empty SuperSlabs are released when the delay is over and a thread enters its slow path */
    usleep(25000);
    fill(200, 100);
    empty(100);
  }
  off_by_one();
  char *huge = memset(must(malloc(HUGE_BYTES)), 1, HUGE_BYTES);
  huge = must(realloc(huge, 2 * HUGE_BYTES));
  printf("huge %p\n", (void *)huge);
  free(huge);
  malloc_trim(0);
}

static void operations(void) {
  fill(ODD_SIZE, OPERATIONS);
  for (int i = 0; i < OPERATIONS; i++) block[i] = must(realloc(block[i], ODDER_SIZE));
  printf("last %p\n", block[OPERATIONS - 1]);
  empty(OPERATIONS);
  if (dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND) == NULL) abort();
}

int main(int count, char **argument) {
  if (count != 2) return 2;
  const int exact = strcmp(argument[1], "paths") == 0;
  if (exact) paths();
  else operations();
  if (fflush(stdout) != 0) return 1;
  if (exact) _exit(0);
  return 0;
}
