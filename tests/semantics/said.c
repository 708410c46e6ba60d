/*
 * Work for what hakmem says:   said KIND
 *
 *   signals  four threads allocate while the process sends itself SIGUSR2 200 times, also in the middle of malloc
 *   drains   enough frees of one class for drains by interval and by length, and a thread that ends
 *   small    a thread with the smallest stack there is sends itself SIGUSR2, then ends the process
 *   fill     200 MB of blocks of all sizes, every third freed, in several threads: work for the table of buckets; prints how many bytes are kept
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "small_stack.h"

static volatile sig_atomic_t stop;

static void *churn(void *arg) {
  void *p[200] = {NULL};
  for (unsigned i = (unsigned)(size_t)arg; !stop; i++) {
    void **slot = &p[i * 7919u % 200];
    free(*slot);
    *slot = malloc(i * 31u % (i % 100 == 0 ? 300000u : 3000u));
  }
  for (unsigned i = 0; i < 200; i++) free(p[i]);
  return NULL;
}

static void signals(void) {
  pthread_t thread[4];
  for (size_t i = 0; i < 4; i++) pthread_create(&thread[i], NULL, churn, (void *)i);
  for (unsigned i = 0; i < 200; i++) {
    if (i % 2 == 0) kill(getpid(), SIGUSR2);
    else pthread_kill(thread[i % 4], SIGUSR2);
    usleep(2000);
  }
  stop = 1;
  for (unsigned i = 0; i < 4; i++) pthread_join(thread[i], NULL);
}

static void *drain(void *arg) {
  static void *p[5000];
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < 5000; i++) p[i] = malloc(100);
    for (unsigned i = 0; i < 5000; i++) free(p[i]);
  }
  return arg;
}

static _Atomic size_t kept; /* bytes that were written to and not freed */

static void *fill(void *arg) {
  const unsigned start = (unsigned)(size_t)arg;
  for (unsigned i = start; i < 40000 + start; i++) {
    const size_t size = i % 2000 == 0 ? 3000000 : i % 500 == 0 ? 200000 : i * 7919u % 2000;
    char *p = malloc(size);
    if (p == NULL) _exit(1);
    memset(p, 1, size);
    if (i % 3 == 0) free(p);
    else kept += size;
  }
  return NULL;
}

static void *end(void *arg) {
  free(malloc(100));
  raise(SIGUSR2);
  exit(0);
  return arg;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "signals") == 0) {
    signals();
  } else if (strcmp(argv[1], "drains") == 0) {
    pthread_t t;
    pthread_create(&t, NULL, drain, NULL);
    pthread_join(t, NULL);
  } else if (strcmp(argv[1], "small") == 0) {
    run_on_small_stack(end);
  } else if (strcmp(argv[1], "fill") == 0) {
    pthread_t thread[3];
    for (size_t i = 0; i < 3; i++) pthread_create(&thread[i], NULL, fill, (void *)i);
    for (unsigned i = 0; i < 3; i++) pthread_join(thread[i], NULL);
    printf("%zu\n", kept);
  } else {
    return 2;
  }
  return 0;
}
