/* Threads whose first allocation is the C library's, while they ask it for their own stack: with a lock of the thread's held. */
#include <pthread.h>
#include <stdio.h>

static void *ask(void *argument) {
  (void)argument;
  pthread_attr_t attributes;
  void *low;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return NULL;
  if (pthread_attr_getstack(&attributes, &low, &size) != 0) size = 0;
  pthread_attr_destroy(&attributes);
  return size != 0 ? low : NULL;
}

int main(void) {
  for (unsigned i = 0; i < 20; i++) {
    pthread_t thread;
    void *low = NULL;
    if (pthread_create(&thread, NULL, ask, NULL) != 0 || pthread_join(thread, &low) != 0 || low == NULL) return 1;
  }
  puts("asked");
  return 0;
}
