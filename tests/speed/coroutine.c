/*
 * Pairs of malloc and free on a coroutine's stack, from a few call sites:   coroutine PAIRS [aligned]
 *
 *   aligned   below a function that aligns its stack: its frame's end is no pointer plus a constant
 */
#include <alloca.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define SIZE 65536

static ucontext_t home, there;
static unsigned long pairs;
static int aligned;
static void *volatile used;

static __attribute__((noinline)) void pair(size_t size, int depth) {
  if (depth > 0) {
    pair(size, depth - 1);
    return;
  }
  char *volatile block = malloc(size);
  if (block == NULL) exit(1);
  block[0] = 1;
  free(block);
}

static __attribute__((noinline)) void pair_aligned(size_t size, int depth) {
  char local[64] __attribute__((aligned(64))), *more = alloca(size);
  used = local;
  used = more;
  pair(size, depth);
  used = NULL;
}

static void body(void) {
  for (unsigned long i = 0; i < pairs; i++) (aligned ? pair_aligned : pair)(1 + i % 2000, (int)(i % 4));
}

int main(int argc, char **argv) {
  char *const stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (argc < 2 || stack == MAP_FAILED || getcontext(&there) != 0) return 2;
  pairs = strtoul(argv[1], NULL, 10);
  aligned = argc > 2;
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = SIZE;
  there.uc_link = &home;
  makecontext(&there, body, 0);
  return swapcontext(&home, &there) == 0 ? 0 : 1;
}
