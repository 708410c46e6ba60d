/* stack_pointer cls=none | debug=stack_pointer | guard=stack_pointer | valgrind=Invalid_free: free of a variable on the stack of a thread */
#include <pthread.h>

#include "misuse.h"

static void *free_own(void *arg) {
  char variable[64];
  use_free(hide(variable + 16));
  return arg;
}

int main(void) {
  pthread_t t;
  pthread_create(&t, NULL, free_own, NULL);
  pthread_join(t, NULL);
  return finish(NULL);
}
