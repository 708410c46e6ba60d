/*
 * advised KIND [mended]: a program with one fault, of the kind of a rule of `hakmem explain`; `mended`, it follows the advice of that rule.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT 400000
#define REST_US 800000
#define MIB (1 << 20)
static void *blocks[COUNT];
static bool mended;

static void *take(size_t size) {
  void *block = malloc(size);
  if (block == NULL) abort();
  return memset(block, 1, size);
}
static void free_all(unsigned count) {
  for (unsigned i = 0; i < count; i++) free(blocks[i]);
}
/* Allocates and frees, so that snapshots are taken and memory is returned. */
static void work(unsigned ms) {
  for (unsigned i = 0; i < ms; i += 5) {
    usleep(5000);
    for (unsigned k = 0; k < 500; k++) free(take(16 + k));
  }
}

/* ---- Errors. ---- */

static void header(void) {
  static const char text[] = "a name of thirty-one characters";
  for (unsigned i = 0; i < 10; i++) free(strcpy(malloc(strlen(text) + mended), text));
}
static void lost(void) {
  for (unsigned i = 0; i < 100; i++) {
    void *volatile block = take(1000);
    if (mended) free(block);
    block = NULL;
  }
}

/* ---- The system and time. ---- */

static void many(void) {
  for (unsigned i = 0; i < 20000; i++) blocks[i] = take(i % 2 != 0 ? 400 : 2000);
  free_all(20000);
}
/* As many blocks as the system gives. */
static void until_null(void) {
  unsigned count = 0;
  while (count < 20000 && (blocks[count] = malloc(count % 2 != 0 ? 400 : 2000)) != NULL) count++;
  free_all(count);
}
static void large(void) {
  for (unsigned i = 0; i < 40000; i++) {
    for (unsigned k = 0; k < 10; k++) blocks[k] = malloc(3 * MIB / 2);
    free_all(10);
  }
}
static void buffers(void) {
  for (unsigned i = 0; i < 40000; i++) {
    for (unsigned k = 0; k < 10; k++) {
      if (i == 0 || !mended) blocks[k] = malloc(5 * MIB);
    }
    if (!mended) free_all(10);
  }
}
static void frees(void) {
  unsigned random = 1;
  for (unsigned i = 0; i < 2000000; i++) {
    random = random * 1103515245u + 12345u;
    const unsigned which = (random >> 8) % 4000;
    free(blocks[which]);
    blocks[which] = malloc(16 + (random >> 8) % 1000);
  }
  free_all(4000);
}
static void phases(void) {
  for (unsigned round = 0; round < 60; round++) {
    for (unsigned i = 0; i < 100000; i++) {
      if (round == 0 || !mended) blocks[i] = malloc(60);
    }
    if (!mended) free_all(100000);
  }
}
static void rounds(void) {
  for (unsigned round = 0; round < 16; round++) {
    for (unsigned i = 0; i < 32; i++) blocks[i] = take(1000 * 1000);
    free_all(32);
    for (unsigned i = 0; i < 12; i++) {
      usleep(6000);
      for (unsigned k = 0; k < 2000; k++) free(take(1 + k));
    }
  }
}

/* Blocks go from one thread to another, a hundred at a time; mended, the thread frees what it allocated. */
#define ROUND 100
#define TRIPS 20000
static pthread_barrier_t meet;
static void *consumer(void *unused) {
  for (unsigned i = 0; i < TRIPS; i++) {
    pthread_barrier_wait(&meet);
    if (!mended) free_all(ROUND);
    pthread_barrier_wait(&meet);
  }
  return unused;
}
static void travel(void) {
  pthread_t thread;
  pthread_barrier_init(&meet, NULL, 2);
  pthread_create(&thread, NULL, consumer, NULL);
  for (unsigned i = 0; i < TRIPS; i++) {
    for (unsigned k = 0; k < ROUND; k++) blocks[k] = malloc(2000);
    pthread_barrier_wait(&meet);
    pthread_barrier_wait(&meet);
    if (mended) free_all(ROUND);
  }
  pthread_join(thread, NULL);
}

/* ---- Memory. ---- */

/* Every fiftieth block stays; mended, those lie apart from the others. */
static void pins(void) {
  for (unsigned i = 0; mended && i < COUNT; i += 50) blocks[i] = take(200);
  for (unsigned i = 0; i < COUNT; i++) {
    if (!mended || i % 50 != 0) blocks[i] = take(200);
  }
  for (unsigned i = 0; i < COUNT; i++) {
    if (i % 50 != 0) free(blocks[i]);
  }
  usleep(REST_US);
}
static void empties(void) {
  for (unsigned i = 0; i < COUNT; i++) blocks[i] = take(200);
  free_all(COUNT);
  if (mended) malloc_trim(0);
  usleep(REST_US);
}
/* The same, in a process that goes on. */
static void serves(void) {
  for (unsigned i = 0; i < COUNT; i++) blocks[i] = take(200);
  free_all(COUNT);
  work(20000);
}
static void kept(void) {
  for (unsigned i = 0; i < 8; i++) blocks[i] = take(8 * MIB);
  free_all(8);
  if (mended) malloc_trim(0);
  usleep(REST_US);
}
/* Threads that work for a moment and then rest, with full lists. */
#define WORKERS 16
static void *worker(void *unused) {
  void *own[100];
  pthread_setname_np(pthread_self(), "idle-worker");
  for (unsigned round = 0; round < 20; round++) {
    for (size_t size = 200; size < 2000; size += 100) {
      for (unsigned k = 0; k < 100; k++) own[k] = take(size);
      for (unsigned k = 0; k < 100; k++) free(own[k]);
    }
  }
  pthread_barrier_wait(&meet);
  pthread_barrier_wait(&meet);
  return unused;
}
static void lists(void) {
  pthread_t threads[WORKERS];
  pthread_barrier_init(&meet, NULL, WORKERS + 1);
  for (unsigned i = 0; i < WORKERS; i++) pthread_create(&threads[i], NULL, worker, NULL);
  pthread_barrier_wait(&meet);
  if (mended) malloc_trim(0);
  usleep(REST_US);
  exit(0); /* the threads still rest */
}
static void rounded(void) {
  for (unsigned i = 0; i < COUNT; i++) blocks[i] = malloc(mended ? 63 : 64);
  for (unsigned i = 0; i < 200; i++) {
    usleep(2000);
    for (unsigned k = 0; k < 500; k++) free(malloc(mended ? 63 : 64));
  }
}
/* A cache that is never bounded; mended, it keeps what came last. */
__attribute__((noinline)) static void remember(unsigned i) {
  const unsigned place = mended ? i % 1000 : i;
  free(blocks[place]);
  blocks[place] = take(500);
}
static void cache(void) {
  for (unsigned i = 0; i < 40000; i++) {
    for (unsigned k = 0; k < 5; k++) free(take(100 + k * 300));
    remember(i);
    if (i % 100 == 0) usleep(2000);
  }
}
static void maps(void) {
  void *own = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED) abort();
  memset(own, 1, 64 * MIB);
  if (mended) munmap(own, 64 * MIB);
  work(20);
}
static void deepbind(void) {
  if (dlopen("libutil.so.1", RTLD_NOW | (mended ? 0 : RTLD_DEEPBIND)) == NULL) abort();
}
static void beside(void) {
  if (!mended && dlopen("./libjemalloc.so.2", RTLD_NOW) == NULL) abort();
}
static void nothing(void) { work(20); }

int main(int argc, char **argv) {
#define KIND(name) \
  { #name, name }
  static const struct {
    const char *name;
    void (*run)(void);
  } kinds[] = {KIND(header), KIND(lost),    KIND(many),   KIND(until_null), KIND(large),    KIND(buffers), KIND(frees),
               KIND(phases), KIND(rounds),  KIND(travel), KIND(pins),       KIND(empties),  KIND(serves),  KIND(kept),
               KIND(lists),  KIND(rounded), KIND(cache),  KIND(maps),       KIND(deepbind), KIND(beside),  KIND(nothing)};
  mended = argc == 3 && strcmp(argv[2], "mended") == 0;
  for (size_t i = 0; argc >= 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (strcmp(argv[1], kinds[i].name) != 0) continue;
    kinds[i].run();
    return 0;
  }
  fprintf(stderr, "advised: no such kind\n");
  return 2;
}
