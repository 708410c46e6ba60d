/*
 * Libraries to be opened and closed, of one layout: call_back's return address is the same in those built with ROOM=600 and ROOM=1200, its
 * frame is not. With CONSTRUCTOR, one whose constructor waits for a thread that allocates; and, with MISUSE, frees a block twice.
 */
#include <pthread.h>
#include <stdlib.h>

#ifdef CONSTRUCTOR
static void *allocate(void *arg) {
  for (size_t i = 0; i < 20; i++) free(malloc(i * 10));
#ifdef MISUSE
  void *volatile block = malloc(30);
  free(block);
  free(block);
#endif
  return arg;
}

__attribute__((constructor)) static void begin(void) {
  pthread_t t;
  if (pthread_create(&t, NULL, allocate, NULL) == 0) pthread_join(t, NULL);
}

int plugin_work(unsigned seed);
int plugin_work(unsigned seed) { return (int)(seed & 0); }
#else
void call_back(void (*function)(void));
__attribute__((optimize("omit-frame-pointer"))) void call_back(void (*function)(void)) {
  volatile char room[ROOM];
  for (unsigned i = 0; i < ROOM; i++) room[i] = 0; /* the end of a stack to who takes it for a return address */
  function();
  room[1] = 2;
}
#endif
