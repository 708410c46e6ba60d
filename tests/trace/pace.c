/*
 * pace.c: two threads allocate and free without a pause, until SIGTERM. Says "running" when they do, and at the end how many pairs of calls there were
 * and how many milliseconds the longest pair took:   PAIRS LONGEST
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static uint64_t pairs, longest_ns; /* atomic */

static void on_signal(int signal) {
  (void)signal;
  stop = 1;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *run(void *none) {
  uint64_t own = 0, longest = 0;
  for (; !stop; own++) {
    const uint64_t before = now_ns();
    void *volatile p = malloc(own % 3000);
    free(p);
    const uint64_t took = now_ns() - before;
    if (took > longest) longest = took;
    if (own % 20 == 0) usleep(100);
  }
  __atomic_fetch_add(&pairs, own, __ATOMIC_RELAXED);
  uint64_t seen = __atomic_load_n(&longest_ns, __ATOMIC_RELAXED);
  while (longest > seen && !__atomic_compare_exchange_n(&longest_ns, &seen, longest, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
  return none;
}

int main(void) {
  pthread_t thread[2];
  signal(SIGTERM, on_signal);
  for (unsigned i = 0; i < 2; i++) {
    if (pthread_create(&thread[i], NULL, run, NULL) != 0) return 1;
  }
  puts("running");
  fflush(stdout);
  for (unsigned i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  printf("%llu %llu\n", (unsigned long long)pairs, (unsigned long long)(longest_ns / 1000000));
  return 0;
}
