/* A library that uses malloc where most programs do not: in constructors before all others, in destructors after all others, in exit handlers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *first, *last;
static __thread char *per_thread;

static void check(const char *p) {
  if (p == NULL || strcmp(p, "kept") != 0) {
    static const char text[] = "early: contents lost\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(8);
    _exit(7);
  }
}

static void at_exit(void) {
  check(first);
  for (size_t size = 1; size < 2000000; size *= 3) free(realloc(calloc(1, size), size * 2));
  last = strdup("kept");
}

__attribute__((constructor(101))) static void start(void) {
  for (size_t size = 1; size < 2000000; size *= 3) free(realloc(malloc(size), size * 2));
  first = strdup("kept");
  per_thread = strdup("kept");
  void *aligned = NULL;
  if (posix_memalign(&aligned, 4096, 100) != 0) _exit(6);
  free(aligned);
  atexit(at_exit);
}

__attribute__((destructor(101))) static void end(void) {
  check(first);
  check(last);
  check(per_thread);
  free(first), free(last), free(per_thread);
  for (size_t size = 1; size < 2000000; size *= 3) free(malloc(size));
  static const char text[] = "early: ended\n";
  if (write(STDOUT_FILENO, text, sizeof text - 1) < 0) _exit(8);
}
