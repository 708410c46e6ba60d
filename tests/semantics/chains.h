/* chains.h: chains of calls with frame pointers and without, in which a stack is compared with the C library's. For programs of one source. */
#ifndef CHAINS_H
#define CHAINS_H

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "told.h"

#ifdef __clang__ /* knows no options of single functions */
#define NO_FRAME_POINTER __attribute__((noinline))
#else
#define NO_FRAME_POINTER __attribute__((noinline, noclone, optimize("omit-frame-pointer")))
#endif
#define KEEP() __asm__ volatile("" ::: "memory") /* after a call: it is no tail call */

NOINLINED static void with(int depth, const char *where) {
  if (depth == 0) check(where);
  else with(depth - 1, where);
  KEEP();
}

NO_FRAME_POINTER static void without(int depth, const char *where) {
  if (depth == 0) check(where);
  else without(depth - 1, where);
  KEEP();
}

/* Runs `function` on this stack, on which it returns. */
NOINLINED static void run_on(void *stack, size_t size, void (*function)(void)) {
  static ucontext_t here, there;
  getcontext(&there);
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = size;
  there.uc_link = &here;
  makecontext(&there, function, 0);
  swapcontext(&here, &there);
}

/* Opens what takes stacks, and ends a program that hangs. With NO_FILES in the environment, no file can be opened from then on. */
static void begin(void) {
  const char *mode = getenv("HAKMEM_STACKS");
  forced = mode != NULL && strcmp(mode, "fp") == 0;
  void *warm[2];
  backtrace(warm, 2); /* opens libgcc */
  attach();
  alarm(100);
  if (getenv("NO_FILES") == NULL) return;
  for (last_id = 0; last_id == 0; usleep(1000)) free(malloc(24)); /* until libunwind is open */
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0});
}

#endif
