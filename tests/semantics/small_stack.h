/* small_stack.h: work on a stack of 16 KiB, the smallest there is. */
#ifndef HAKMEM_TESTS_SMALL_STACK_H
#define HAKMEM_TESTS_SMALL_STACK_H

#include <pthread.h>

static void run_on_small_stack(void *(*work)(void *)) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 16384);
  pthread_create(&thread, &attributes, work, NULL);
  pthread_join(thread, NULL);
}

#endif
