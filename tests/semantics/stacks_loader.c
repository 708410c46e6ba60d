/*
 * Stacks beside the loader, whose lock libunwind needs, and in libraries that come and go; as stacks.c:   stacks_loader CASE [LIBRARY...]
 */
#include <alloca.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "chains.h"

#define ABOVE 65536 /* bytes of a stack */

static volatile int stop;

/* ---- The loader's lock. ---- */

static pthread_mutex_t programs = PTHREAD_MUTEX_INITIALIZER;

static int in_callback(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  pthread_mutex_lock(&programs); /* the thread that holds it allocates, and must not wait for us then */
  free(malloc(50));
  pthread_mutex_unlock(&programs);
  return 0;
}

static void *iterate_until_stopped(void *arg) {
  while (!stop) {
    dl_iterate_phdr(in_callback, NULL);
    usleep(300);
  }
  return arg;
}

static void *allocate_until_stopped(void *arg) {
  for (unsigned i = 0; !stop; i++) {
    pthread_mutex_lock(&programs);
    if (i % 2) with((int)(i % 12), "beside a callback");
    else without((int)(i % 12), "beside a callback");
    pthread_mutex_unlock(&programs);
  }
  return arg;
}

/* LIBRARY's constructor starts a thread that allocates, and waits for it, the loader's other lock held. */
static int loader(const char *library) {
  pthread_t t[4];
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, i < 2 ? iterate_until_stopped : allocate_until_stopped, NULL);
  for (int i = 0; i < 100 || compared < 10; i++) { /* most stacks are taken while a callback is under way: those have none */
    void *handle = dlopen(library, RTLD_NOW);
    if (handle == NULL) return fprintf(stderr, "stacks: %s\n", dlerror()), 2;
    dlclose(handle);
  }
  stop = 1;
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  return result(10);
}

static pthread_barrier_t barred, taken;

static int hold_lock(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  pthread_barrier_wait(&barred);
  pthread_barrier_wait(&taken);
  return 1;
}

static void *hold(void *arg) {
  dl_iterate_phdr(hold_lock, NULL);
  return arg;
}

static pthread_t holder;

static void begin_holding(void) {
  pthread_barrier_init(&barred, NULL, 2);
  pthread_barrier_init(&taken, NULL, 2);
  pthread_create(&holder, NULL, hold, NULL);
  pthread_barrier_wait(&barred);
}

NOINLINED static void five(const char *where) {
  for (int i = 0; i < 5; i++) with(5, where);
}

/* While another thread is in such a callback only stacks of known steps can be told, and are. */
static int known(void) {
  unsigned before = 0, of_known = 0;
  for (volatile int round = 0; round < 2; round++) { /* volatile: not unrolled, so that both call from one place */
    if (round == 1) begin_holding();
    before = compared;
    five("a known place");
    of_known = compared - before;
  }
  for (int i = 0; i < 5; i++) without(5, "beside a callback, never met");
  const unsigned of_others = compared - before - of_known;
  pthread_barrier_wait(&taken);
  pthread_join(holder, NULL);
  printf("%u known, %u others\n", of_known, of_others);
  return differed != 0;
}

/* ---- Coroutines with any word behind their outermost frame, as a switch written by hand leaves it. ---- */

#if defined(__x86_64__)
void switch_stacks(void *to, void **from);
__asm__(".globl switch_stacks\n"
        "switch_stacks:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
        "  mov %rsp, (%rsi)\n"
        "  mov %rdi, %rsp\n"
        "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n");

static void *home, *away;

NOINLINED static void stray_body(void) {
  free(malloc(40));
  switch_stacks(home, &away);
}

/* More of them than the table of steps has places. */
static int stray(void) {
  enum { COUNT = 17000, SIZE = 65536 };
  char *const stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (uintptr_t i = 0; i < COUNT; i++) {
    uintptr_t *top = (uintptr_t *)(stack + SIZE - 64);
    *--top = UINT64_C(0x7000000000) + i * 4096;
    *--top = (uintptr_t)stray_body;
    for (unsigned saved = 0; saved < 6; saved++) *--top = 0;
    switch_stacks(top, &home);
  }
  return known();
}
#else
static int stray(void) { return known(); }
#endif

/* ---- Objects that come and go: other code at the same addresses. ---- */

static uint32_t id_in_library;
static uintptr_t address_in_library;

NOINLINED static void from_library(void) {
  check("in a library");
  id_in_library = last_id;
  address_in_library = (uintptr_t)__builtin_return_address(0);
}

/* A function without frame pointers, with the same return address in both libraries, and not the same frame. */
static int reuse(char **libraries) {
  uintptr_t first = 0;
  unsigned met = 0;
  for (int i = 0; i < 40; i++) {
    const char *library = libraries[i / 2 % 2];
    void *handle = dlopen(library, RTLD_NOW);
    if (handle == NULL) return fprintf(stderr, "stacks: %s\n", dlerror()), 2;
    void (*call)(void (*)(void)) = (void (*)(void (*)(void)))(uintptr_t)dlsym(handle, "call_back");
    for (int n = 0; n < 4; n++) call(from_library);
    if (first == 0) first = address_in_library;
    met += address_in_library == first;
    const char *build_id = "", *name = module_at(address_in_library, told[id_in_library].epoch, &build_id);
    if (id_in_library == 0 || strcmp(name, strrchr(library, '/') + 1) != 0 || strlen(build_id) != 40) {
      return fprintf(stderr, "stacks: the stack is in %s, but was reported in %s (build id %s)\n", library, name, build_id), 1;
    }
    dlclose(handle);
  }
  if (met < 30) return fprintf(stderr, "stacks: the libraries did not come to the same address\n"), 1;
  return result(160);
}

/* ---- A callback that allocates on a stack above its thread's, and then waits for a thread that allocates. ---- */

static void allocate_above(void) { free(malloc(50)); }

static int in_callback_above(struct dl_phdr_info *info, size_t size, void *data) {
  run_on(data, ABOVE, allocate_above);
  usleep(100);
  return in_callback(info, size, NULL);
}

static void *iterate_above(void *stack) {
  for (unsigned i = 0; i < 200; i++) dl_iterate_phdr(in_callback_above, stack);
  return stack;
}

static int use_stack_above(void) {
  char stack[ABOVE] __attribute__((aligned(16))); /* of the main thread: above all others */
  pthread_t iterating, allocating;
  pthread_create(&iterating, NULL, iterate_above, stack);
  pthread_create(&allocating, NULL, allocate_until_stopped, NULL);
  pthread_join(iterating, NULL);
  stop = 1;
  pthread_join(allocating, NULL);
  return differed != 0;
}

/* ---- A coroutine's stack, whose pages the handler of a fault makes writable when they are needed. ---- */

#define DEEP 500
static char *lazy;
static const size_t lazy_size = 8 << 20;

static void commit(int number, siginfo_t *info, void *context) {
  (void)context;
  char *const at = info->si_addr;
  if (at < lazy || at >= lazy + lazy_size) signal(number, SIG_DFL);
  else mprotect((char *)((uintptr_t)at & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE);
}

static unsigned frame_size;

NOINLINED static void go_deeper(unsigned depth) {
  volatile char *const frame = alloca(frame_size);
  frame[0] = 1;
  void *const block = malloc(24 + depth % 7);
  if (depth > 0) go_deeper(depth - 1);
  free(block);
  frame[1] = 1;
}

static void go_deep(void) { go_deeper(DEEP); }

static int use_lazy_stack(void) {
  const stack_t alternate = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
  const struct sigaction action = {.sa_sigaction = commit, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaltstack(&alternate, NULL);
  sigaction(SIGSEGV, &action, NULL);
  for (frame_size = 16; frame_size <= 592; frame_size += 96) {
    lazy = mmap(NULL, lazy_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (lazy == MAP_FAILED) return 5;
    run_on(lazy, lazy_size, go_deep);
    munmap(lazy, lazy_size);
  }
  return 0;
}

/* ---- A handler that holds a thread: garbage collectors stop all threads in this way. ---- */

static sem_t stopped;
static volatile int go;

static void hold_thread(int number) {
  (void)number;
  const int before = go;
  sem_post(&stopped);
  while (go == before) usleep(100);
}

static void *keep_allocating(void *arg) {
  while (!stop) free(malloc(50));
  return arg;
}

static int seen(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  return 7;
}

/* While the thread is held, the loader is free. */
static int use_loader_beside_held(void) {
  pthread_t thread;
  sem_init(&stopped, 0, 0);
  signal(SIGUSR1, hold_thread);
  pthread_create(&thread, NULL, keep_allocating, NULL);
  for (unsigned i = 0; i < 300; i++) {
    usleep(100 + i % 50 * 10);
    pthread_kill(thread, SIGUSR1);
    while (sem_wait(&stopped) != 0) continue;
    if (dl_iterate_phdr(seen, NULL) != 7) return 5;
    void *library = dlopen("libm.so.6", RTLD_NOW);
    if (library == NULL) return 5;
    dlclose(library);
    go++;
  }
  stop = 1;
  pthread_join(thread, NULL);
  return 0;
}

int main(int argc, char **argv) {
  const char *const name = argc > 1 ? argv[1] : "";
  begin();
  if (strcmp(name, "known") == 0) return known();
  if (strcmp(name, "stray") == 0) return stray();
  if (strcmp(name, "held") == 0) return use_loader_beside_held();
  if (strcmp(name, "above") == 0) return use_stack_above();
  if (strcmp(name, "lazy") == 0) return use_lazy_stack();
  if (strcmp(name, "loader") == 0 && argc == 3) return loader(argv[2]);
  if (strcmp(name, "reuse") == 0 && argc == 4) return reuse(argv + 2);
  fprintf(stderr, "usage: stacks_loader CASE [LIBRARY...]\n");
  return 2;
}
