/* stack_pointer cls=none | debug=stack_pointer | guard=stack_pointer | valgrind=Invalid_free: free of a variable on the stack of the main thread, by another */
#include <pthread.h>

#include "misuse.h"

static void *free_it(void *p) {
  use_free(p);
  return NULL;
}

int main(void) {
  char variable[64];
  pthread_t t;
  pthread_create(&t, NULL, free_it, hide(variable + 16));
  pthread_join(t, NULL);
  return finish(NULL);
}
