/*
 * stacks.c: the cost of a stack:   HAKMEM_TRACE=full HAKMEM_STACKS=fp LD_PRELOAD=libhakmem.so stacks Full tracing with a listener that records
 * nothing: every malloc and free takes a stack. For some depths, prints the least nanoseconds of one malloc and free over many rounds. With
 * HAKMEM_STACKS=off it prints the part without stacks, which stacks.sh subtracts.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "instrumentation/base/sink.h"

#define ROUNDS 400
#define PAIRS 200

static volatile double least;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline)) static void measure(void) {
  for (int round = 0; round < ROUNDS; round++) {
    const double start = now_ns();
    for (int i = 0; i < PAIRS; i++) free(malloc(40));
    const double took = (now_ns() - start) / PAIRS;
    if (took < least) least = took;
  }
}

/* main, this function `depth` - 2 times, and measure */
__attribute__((noinline)) static void descend(int depth) {
  if (depth > 3) descend(depth - 1);
  else measure();
  __asm__ volatile("" ::: "memory"); /* no tail call */
}

int main(void) {
  static const struct hak_event_sink sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(sink)};
  int (*attach)(const struct hak_event_sink *);
  *(void **)&attach = dlsym(RTLD_DEFAULT, "hak_event_sink_attach");
  if (attach == NULL || attach(&sink) != 0) {
    fprintf(stderr, "stacks: no libhakmem.so with events is preloaded\n");
    return 1;
  }
  for (int depth = 10; depth <= 30; depth += 20) {
    least = 1e18;
    descend(depth);
    printf("%d %.1f\n", depth, least);
  }
  return 0;
}
