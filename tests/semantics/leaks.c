/*
 * Programs that lose blocks, and that do not:   leaks CASE [LIBRARY]
 * What is to be lost is lost in functions of their own; nothing of it may be left in a register or on the stack when the program ends.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "small_stack.h"

#define NOINLINED __attribute__((noinline))

struct node {
  struct node *next;
  char rest[32];
};

static void *volatile kept, *volatile kept_too;
static __thread void *volatile of_thread;

/* Writes over what the functions before left on the stack. */
NOINLINED static void wipe(void) {
  volatile char below[8192];
  for (size_t i = 0; i < sizeof below; i++) below[i] = 0;
}

NOINLINED static void lose(size_t size, unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    void *volatile p = malloc(size);
    memset(p, 0, size);
    p = NULL;
  }
}

NOINLINED static struct node *list(unsigned length) {
  struct node *head = NULL;
  for (unsigned i = 0; i < length; i++) {
    struct node *node = calloc(1, sizeof *node);
    node->next = head;
    head = node;
  }
  return head;
}

NOINLINED static void clean(void) {
  kept = malloc(10);
  kept_too = calloc(1000, 1000);
  for (unsigned i = 0; i < 1000; i++) free(realloc(malloc(i), 2 * i + 1));
}

NOINLINED static void lost_list(void) { list(10)->next->next->next->next = NULL; } /* 5, and 5 */

NOINLINED static void ring(void) {
  struct node *a = list(3);
  a->next->next->next = a;
}

/* Rings and lists that lead into each other: a list of 4 that leads into a ring of 3. */
NOINLINED static void list_into_ring(void) {
  struct node *a = list(4), *b = list(3);
  b->next->next->next = b;
  a->next->next->next->next = b;
}

NOINLINED static void kept_inside(void) { kept = (char *)malloc(500) + 499; }
NOINLINED static void kept_inside_huge(void) { kept = (char *)malloc(5000000) + 3000000; }

/* In a block that is reached, far from its start. */
NOINLINED static void kept_by_huge(void) {
  void **huge = calloc(1, 8000000);
  huge[900000] = list(20);
  kept = huge;
}

NOINLINED static void lost_large(void) {
  lose(300000, 2);
  void **huge = calloc(1, 5000000);
  huge[500000] = list(3);
}

NOINLINED static void resized(void) {
  char *p = malloc(100), *large = malloc(200000), *huge = malloc(3000000);
  kept = realloc(p, 105);
  kept = realloc(large, 260000);
  kept = realloc(huge, 6000000);
  kept = NULL;
}

NOINLINED static void aligned(void) {
  kept = aligned_alloc(64, 640);
  kept = aligned_alloc(4096, 8192);
  kept = (char *)aligned_alloc(1 << 20, 1 << 20) + 77;
}

NOINLINED static void mapped(void) {
  void **page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[77] = list(7);
}

NOINLINED static void hidden(void) { kept = (void *)~(size_t)malloc(64); }

static void *once(void *arg) {
  lose(48, 1);
  return arg;
}

static void *left_on_stack(void *arg) {
  void *volatile words[64];
  for (unsigned i = 0; i < 64; i++) words[i] = list(1);
  return words[5] != NULL ? arg : NULL;
}

/* Threads that sleep, and hold what they have on their stacks, in their thread-local storage, and as thread-specific data. */
static pthread_key_t key;
static int ready[2];
static void *sleeper(void *arg) {
  void *volatile on_stack = list(11);
  of_thread = malloc(70);
  pthread_setspecific(key, malloc(80));
  if (write(ready[1], "x", 1) != 1) abort();
  for (;;) pause();
  return on_stack != NULL ? arg : NULL;
}

NOINLINED static void threads(unsigned count, void *(*run)(void *)) {
  pthread_t thread[8];
  pthread_key_create(&key, NULL);
  if (pipe(ready) != 0) abort();
  for (unsigned i = 0; i < count; i++) pthread_create(&thread[i], NULL, run, NULL);
  const bool go_on = run != once && run != left_on_stack;
  for (unsigned i = 0; i < count && !go_on; i++) pthread_join(thread[i], NULL);
  char byte;
  for (unsigned i = 0; i < count && go_on; i++) {
    if (read(ready[0], &byte, 1) != 1) abort();
  }
  usleep(20000); /* until they wait */
}

/* A mapping that leads to blocks, and that the kernel joins with the stack of a thread, which it puts below it. */
NOINLINED static void left_below_mapping(void) {
  enum { size = 16 << 20 }; /* there is no such gap above */
  struct node **above = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (above == MAP_FAILED) abort();
  madvise(above, size, MADV_NOHUGEPAGE); /* since Linux 6.7 stacks are such mappings */
  above[size / sizeof(struct node *) / 2] = list(3);
  threads(1, left_on_stack);
}

/*
 * A large mapping to which nothing is written lies behind closed memory, as a thread's stack does. The check at a child's end must not read it: each page would
 * be a fault. False if there were many.
 */
NOINLINED static bool untouched(void) {
  enum { size = 64 << 20, closed = 1 << 16, faults = 5000 };
  char *place = mmap(NULL, size + closed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED || mprotect(place + closed, size, PROT_READ | PROT_WRITE) != 0) abort();
  madvise(place + closed, size, MADV_NOHUGEPAGE);
  const pid_t pid = fork();
  if (pid == 0) exit(0);
  int status;
  struct rusage usage;
  if (wait4(pid, &status, 0, &usage) != pid || status != 0) return false;
  if (usage.ru_minflt > faults) fprintf(stderr, "%ld page faults\n", usage.ru_minflt);
  return usage.ru_minflt <= faults;
}

/* The program ends while these go on. */
static void *allocate_for_ever(void *arg) {
  void *volatile mine[64] = {0};
  for (unsigned i = 0;; i++) {
    free(mine[i % 64]);
    mine[i % 64] = malloc(i % 50 == 0 ? 100000 : i % 2000);
    if (i % 64 == 0) mine[(i + 1) % 64] = (mine[i * 7 % 64] == NULL) ? NULL : realloc(mine[(i + 1) % 64], 70);
    if (i == 1000 && write(ready[1], "x", 1) != 1) return arg;
  }
}

/* The process is ended by a thread with the smallest stack there is. */
static void *end(void *arg) {
  exit(0);
  return arg;
}

/* A library whose static data leads to 5 blocks. */
static void *library(const char *path) {
  void *handle = dlopen(path, RTLD_NOW);
  void **slot = handle != NULL ? dlsym(handle, "slot") : NULL;
  if (slot == NULL) exit(2);
  *slot = list(5);
  return handle;
}
NOINLINED static void unloaded(const char *path) { dlclose(library(path)); }

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "clean") == 0) clean();
  else if (strcmp(name, "direct") == 0) lose(100, 3), lose(1, 1);
  else if (strcmp(name, "list") == 0) lost_list();
  else if (strcmp(name, "ring") == 0) ring();
  else if (strcmp(name, "list_into_ring") == 0) list_into_ring();
  else if (strcmp(name, "global") == 0) kept = list(9);
  else if (strcmp(name, "inside") == 0) kept_inside();
  else if (strcmp(name, "inside_huge") == 0) kept_inside_huge();
  else if (strcmp(name, "by_huge") == 0) kept_by_huge();
  else if (strcmp(name, "large") == 0) lost_large();
  else if (strcmp(name, "resized") == 0) resized();
  else if (strcmp(name, "aligned") == 0) aligned();
  else if (strcmp(name, "mapped") == 0) mapped();
  else if (strcmp(name, "hidden") == 0) hidden();
  else if (strcmp(name, "tls") == 0) of_thread = list(4);
  else if (strcmp(name, "sleepers") == 0) threads(8, sleeper);
  else if (strcmp(name, "ended") == 0) threads(8, once);
  else if (strcmp(name, "left") == 0) threads(1, left_on_stack);
  else if (strcmp(name, "left_below_mapping") == 0) left_below_mapping();
  else if (strcmp(name, "loaded") == 0 && argc > 2) library(argv[2]);
  else if (strcmp(name, "unloaded") == 0 && argc > 2) unloaded(argv[2]);
  else if (strcmp(name, "many") == 0)
    for (unsigned i = 0; i < 2000; i++) lose(i % 900, 1);
  else if (strcmp(name, "untouched") == 0) {
    if (!untouched()) return 2;
  } else if (strcmp(name, "deep") == 0) kept = list(300000);
  else if (strcmp(name, "small") == 0) lose(100, 1);
  else if (strcmp(name, "busy") == 0) threads(4, allocate_for_ever);
  else if (strcmp(name, "handler") == 0) atexit(lost_list);
  else if (strcmp(name, "_exit") == 0) {
    lose(100, 1);
    _exit(0);
  } else if (strcmp(name, "exec") == 0) {
    lose(100, 1);
    execl("/bin/true", "true", (char *)NULL);
    return 2;
  } else if (strcmp(name, "fork") == 0) {
    lose(100, 1);
    wipe();
    const pid_t pid = fork();
    if (pid == 0) lose(200, 1);
    int status;
    if (pid != 0 && (waitpid(pid, &status, 0) != pid || status != 0)) return 2;
  } else return fprintf(stderr, "usage: leaks CASE [LIBRARY]\n"), 2;
  wipe();
  if (strcmp(name, "small") == 0) run_on_small_stack(end);
  if (strcmp(name, "deep") == 0) exit(3);
  return 0;
}
