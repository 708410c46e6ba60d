/*
 * Opens, uses and closes a library again and again:   open LIBRARY TIMES
 * A thread that has used it outlives it, and ends after it was closed.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *path;
static pthread_barrier_t used, closed;

static long resident_kib(void) {
  FILE *f = fopen("/proc/self/statm", "r");
  long size = 0, pages = 0;
  if (f == NULL || fscanf(f, "%ld %ld", &size, &pages) != 2) return -1;
  fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void use(void *library, unsigned seed) {
  int (*work)(unsigned) = (int (*)(unsigned))(uintptr_t)dlsym(library, "plugin_work");
  if (work == NULL || work(seed) != 0) {
    fprintf(stderr, "open: the library does not work\n");
    exit(1);
  }
}

static void *outlive(void *library) {
  use(library, 3);
  pthread_barrier_wait(&used);
  pthread_barrier_wait(&closed);
  free(malloc(100));
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  path = argv[1];
  const unsigned times = (unsigned)strtoul(argv[2], NULL, 10);
  pthread_barrier_init(&used, NULL, 2);
  pthread_barrier_init(&closed, NULL, 2);
  long before = 0;
  for (unsigned i = 0; i < times; i++) {
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) return fprintf(stderr, "open: %s\n", dlerror()), 1;
    use(library, i);
    pthread_t t;
    pthread_create(&t, NULL, outlive, library);
    pthread_barrier_wait(&used);
    dlclose(library);
    pthread_barrier_wait(&closed);
    pthread_join(t, NULL);
    if (i == times / 4) before = resident_kib();
  }
  const long grown = resident_kib() - before;
  printf("grown by %ld KiB\n", grown);
  return grown > 2048;
}
