/*
 * storm.c: threads that are many, that are stopped, and that are interrupted:   storm KIND [LIBRARY]
 *
 *   crowd      1000 threads at once, each with blocks that another one frees
 *   exit       the process exits while threads fill and drain their lists
 *   cancel     threads are cancelled between their calls; their cleanup handlers free
 *   signals    a signal every 100 us, whose handler allocates nothing, while threads check what their blocks hold
 *   loads      a library is opened and closed again and again, while threads allocate
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define NAME "storm"
#include "resident.h"

enum { CROWD = 1000, WORKERS = 3, HELD = 300 };

static uint32_t draw(uint64_t *state, uint32_t limit) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33) % limit;
}

static pthread_t start(void *(*body)(void *), uintptr_t number) {
  pthread_t thread;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 65536);
  if (pthread_create(&thread, &attr, body, (void *)number) != 0) fail("no thread");
  return thread;
}

/* ---- Blocks that say which they are. ---- */

static void *filled(size_t size, unsigned char byte) {
  unsigned char *const p = malloc(size);
  if (p == NULL) fail("out of memory");
  memset(p, byte, size);
  return p;
}

static void checked_free(unsigned char *p, size_t size, unsigned char byte) {
  if (p == NULL) return;
  if (p[0] != byte || memcmp(p, p + 1, size - 1) != 0) fail("a block does not hold what was written to it");
  free(p);
}

static int ended; /* atomic */

/* Fills and drains lists until the end. */
static void *churn(void *number) {
  static const size_t sizes[] = {24, 100, 700, 3000, 20000, 90000};
  struct {
    unsigned char *p, byte;
    size_t size;
  } held[HELD] = {0};
  uint64_t state = (uintptr_t)number + 1;
  while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
    const size_t size = sizes[draw(&state, 6)];
    const uint32_t first = draw(&state, HELD);
    for (uint32_t i = first; i < HELD; i++) {
      checked_free(held[i].p, held[i].size, held[i].byte);
      held[i].p = filled(held[i].size = size, held[i].byte = (unsigned char)i);
    }
    for (uint32_t i = first; i < HELD; i++) {
      checked_free(held[i].p, held[i].size, held[i].byte);
      held[i].p = NULL;
    }
  }
  for (uint32_t i = 0; i < HELD; i++) checked_free(held[i].p, held[i].size, held[i].byte);
  return NULL;
}

static void start_all(pthread_t workers[WORKERS]) {
  for (uintptr_t i = 0; i < WORKERS; i++) workers[i] = start(churn, i);
}

static void end_all(pthread_t workers[WORKERS]) {
  __atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(workers[i], NULL);
}

/* ---- The kinds. ---- */

static pthread_barrier_t all_there;
static unsigned char *left[CROWD][10];

static void *stand(void *number) {
  const uintptr_t own = (uintptr_t)number, other = (own + 7) % CROWD;
  for (unsigned i = 0; i < 10; i++) left[own][i] = filled(100 * (i + 1), (unsigned char)own);
  pthread_barrier_wait(&all_there);
  for (unsigned i = 0; i < 10; i++) checked_free(left[other][i], 100 * (i + 1), (unsigned char)other);
  return NULL;
}

static void crowd(void) {
  static pthread_t threads[CROWD];
  pthread_barrier_init(&all_there, NULL, CROWD);
  for (uintptr_t i = 0; i < CROWD; i++) threads[i] = start(stand, i);
  for (unsigned i = 0; i < CROWD; i++) pthread_join(threads[i], NULL);
}

static void exit_within(void) {
  pthread_t workers[WORKERS];
  start_all(workers);
  usleep(20000);
  exit(0);
}

static void clean(void *p) { free(p); }

static void may_be_cancelled(size_t size) {
  void *const p = filled(size, 1);
  pthread_cleanup_push(clean, p);
  pthread_testcancel();
  pthread_cleanup_pop(1);
}

static void *cancelled(void *number) {
  uint64_t state = (uintptr_t)number + 1;
  for (;;) may_be_cancelled(1 + draw(&state, 5000));
  return NULL;
}

static void cancel_some(unsigned rounds) {
  for (unsigned i = 0; i < rounds; i++) {
    pthread_t one = start(cancelled, i), two = start(cancelled, i + 1);
    usleep(100);
    pthread_cancel(one);
    pthread_cancel(two);
    pthread_join(one, NULL);
    pthread_join(two, NULL);
  }
}

/* What they leave behind grows with each round. The tables of the debugging mode grow, too, until they are large enough. */
static void cancel(void) {
  cancel_some(100);
  for (unsigned part = 0; part < 6; part++) {
    const long before = resident_kib();
    cancel_some(200);
    if (resident_kib() <= before + 4096) return;
  }
  fail("cancelled threads leave memory behind");
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  char stack[2000];
  memset(stack, number, sizeof stack);
  signals += stack[number] == number;
}

static void interrupted(void) {
  const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  const struct itimerval every = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
  pthread_t workers[WORKERS];
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &every, NULL);
  start_all(workers);
  for (unsigned i = 0; signals < 1000; i++) {
    errno = 77;
    checked_free(filled(1 + i % 3000, 3), 1 + i % 3000, 3);
    if (errno != 77) fail("errno is not kept");
  }
  setitimer(ITIMER_REAL, &never, NULL);
  end_all(workers);
}

static void load(const char *path) {
  pthread_t workers[WORKERS];
  start_all(workers);
  for (unsigned i = 0; i < 60; i++) {
    void *const library = dlopen(path, RTLD_NOW);
    if (library == NULL) fail(dlerror());
    int (*const work)(unsigned) = (int (*)(unsigned))(uintptr_t)dlsym(library, "plugin_work");
    if (work == NULL || work(i) != 0) fail("the library does not work");
    dlclose(library);
  }
  end_all(workers);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (strcmp(argv[1], "crowd") == 0) crowd();
  else if (strcmp(argv[1], "exit") == 0) exit_within();
  else if (strcmp(argv[1], "cancel") == 0) cancel();
  else if (strcmp(argv[1], "signals") == 0) interrupted();
  else if (strcmp(argv[1], "loads") == 0 && argc == 3) load(argv[2]);
  else return 2;
  return 0;
}
