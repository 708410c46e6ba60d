/* Coroutines on stacks of BYTES bytes, which allocate, and whose entry no function called:   fibers BYTES */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS 32
#define TURNS 40

static ucontext_t main_context, fiber[FIBERS];

static __attribute__((noinline)) void deep(int depth) {
  void *volatile p = malloc((size_t)(10 + depth));
  if (depth > 0) deep(depth - 1);
  free(p);
}

static void body(int k) {
  for (int turn = 0; turn < TURNS; turn++) {
    deep(k % 8);
    char *p = malloc((size_t)(40000 + k));
    if (p == NULL) exit(1);
    memset(p, 1, 100);
    swapcontext(&fiber[k], &main_context);
    free(p);
  }
}

int main(int argc, char **argv) {
  const size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 4096, page = 4096, whole = (size + page - 1) / page * page;
  for (int k = 0; k < FIBERS; k++) {
    char *stack = mmap(NULL, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(stack + page, whole, PROT_READ | PROT_WRITE);
    getcontext(&fiber[k]);
    fiber[k].uc_stack.ss_sp = stack + page;
    fiber[k].uc_stack.ss_size = size;
    fiber[k].uc_link = &main_context;
    makecontext(&fiber[k], (void (*)(void))body, 1, k);
  }
  for (int turn = 0; turn <= TURNS; turn++) {
    for (int k = 0; k < FIBERS; k++) swapcontext(&main_context, &fiber[k]);
  }
  puts("done");
  return 0;
}
