/* A library to be opened and closed: uses malloc; with PLUGIN_HAK, hakmem's own names, and then it is linked to libhakmem.so. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifdef PLUGIN_HAK
#include "hakmem.h"
#define NAME(name) hak_##name
#else
#define NAME(name) name
#endif

static void *held[100];

static void *in_thread(void *arg) {
  for (size_t i = 0; i < 300; i++) NAME(free)(NAME(malloc)(i * 11));
  return arg;
}

int plugin_work(unsigned seed);
int plugin_work(unsigned seed) {
  for (unsigned i = 0; i < 100; i++) {
    const size_t size = (seed * 7 + i * i) % 9000;
    held[i] = NAME(realloc)(held[i], size + 1);
    if (held[i] == NULL) return 1;
    memset(held[i], (int)i, size + 1);
  }
  pthread_t t;
  if (pthread_create(&t, NULL, in_thread, NULL) != 0) return 2;
  return pthread_join(t, NULL);
}

__attribute__((destructor)) static void end(void) {
  for (unsigned i = 0; i < 100; i++) NAME(free)(held[i]);
}
