/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: the thread that freed it first has ended */
#include <pthread.h>

#include "misuse.h"

static void *free_once(void *p) {
  use_free(p);
  return NULL;
}

int main(void) {
  void *p = use_malloc(100), *keeps = use_malloc(100);
  pthread_t t;
  pthread_create(&t, NULL, free_once, p);
  pthread_join(t, NULL);
  use_free(p);
  use_free(keeps);
  return finish(NULL);
}
