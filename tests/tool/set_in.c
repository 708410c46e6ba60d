/*
 * set_in PLACE: works, until SIGTERM, where a change of settings is dangerous. It prints "ready" first.
 *
 *   loader       the only thread opens and closes 40 libraries (./one1.so to ./one40.so) again and again: most of its allocations are the loader's
 *   fiber        all allocations are made on stacks of one page
 *   constructor  a thread is in the constructor of ./waits.so, under the loader's lock, and waits for the thread that allocates
 *   handler      its own handler of SIGSEGV repairs a page again and again
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, LIBRARIES = 40 };

static volatile sig_atomic_t ends;
static void on_term(int signal) {
  (void)signal;
  ends = 1;
}

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static void allocate(void) {
  char *volatile blocks[20];
  for (size_t i = 0; i < 20; i++) {
    blocks[i] = malloc(i % 5 == 0 ? 40000 + i : 1 + i * 50);
    if (blocks[i] == NULL) _exit(2);
    memset(blocks[i], 1, 20);
  }
  for (size_t i = 0; i < 20; i++) free(blocks[i]);
}

static int in_loader(void) {
  char name[32];
  ready();
  for (int i = 1; !ends; i = i % LIBRARIES + 1) {
    snprintf(name, sizeof(name), "./one%d.so", i);
    void *const library = dlopen(name, RTLD_NOW);
    if (library == NULL || dlclose(library) != 0) return 2;
  }
  return 0;
}

static ucontext_t outside, fiber;
static void in_fiber_body(void) {
  for (;;) {
    allocate();
    swapcontext(&fiber, &outside);
  }
}
static int in_fiber(void) {
  char *const stack = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(stack + PAGE, PAGE, PROT_READ | PROT_WRITE);
  getcontext(&fiber);
  fiber.uc_stack.ss_sp = stack + PAGE;
  fiber.uc_stack.ss_size = PAGE;
  makecontext(&fiber, in_fiber_body, 0);
  ready();
  while (!ends) swapcontext(&outside, &fiber);
  return 0;
}

static int is_constructed; /* atomic */
extern int constructor_waits;
int constructor_waits; /* atomic; also of waits.so */
static void *open_waiting(void *unused) {
  if (dlopen("./waits.so", RTLD_NOW) == NULL) _exit(2);
  __atomic_store_n(&is_constructed, 1, __ATOMIC_RELEASE);
  return unused;
}
static int in_constructor(void) {
  pthread_t thread;
  __atomic_store_n(&constructor_waits, 1, __ATOMIC_RELEASE);
  if (pthread_create(&thread, NULL, open_waiting, NULL) != 0) return 2;
  while (__atomic_load_n(&constructor_waits, __ATOMIC_ACQUIRE) != 2) usleep(1000);
  ready();
  while (!ends) allocate();
  __atomic_store_n(&constructor_waits, 0, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  return is_constructed ? 0 : 3;
}

static char *page;
static volatile sig_atomic_t handled;
static void on_fault(int signal) {
  (void)signal;
  handled++;
  mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}
static int in_handler(void) {
  page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  signal(SIGSEGV, on_fault);
  ready();
  for (int turn = 1; !ends; turn++) {
    mprotect(page, PAGE, PROT_NONE);
    *(volatile char *)page = 1;
    if (handled != turn) return 3;
    allocate();
  }
  return 0;
}

int main(int count, char **arguments) {
  const char *const where = count == 2 ? arguments[1] : "";
  /* On a stack of its own: the kernel's frame of a signal may need more than a fiber's page has left, and then ends the program with SIGSEGV. */
  static char signal_stack[1 << 16];
  sigaltstack(&(stack_t){.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)}, NULL);
  struct sigaction action = {.sa_handler = on_term, .sa_flags = SA_RESTART | SA_ONSTACK};
  sigaction(SIGTERM, &action, NULL);
  if (strcmp(where, "loader") == 0) return in_loader();
  if (strcmp(where, "fiber") == 0) return in_fiber();
  if (strcmp(where, "constructor") == 0) return in_constructor();
  if (strcmp(where, "handler") == 0) return in_handler();
  return 1;
}
