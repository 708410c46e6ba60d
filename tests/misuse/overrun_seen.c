/* overrun_fill cls=1 got=0xff expect=0x5f over=1 seen | debug=overflow | guard=overflow | valgrind=Invalid_write: a block that a drain saw good before; handed out after */
#include <pthread.h>

#include "misuse.h"

static void *free_once(void *p) {
  use_free(p);
  return NULL;
}

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  pthread_t t;
  pthread_create(&t, NULL, free_once, right);
  pthread_join(t, NULL);
  memset(hide(left), 0xff, 32);
  return finish(right);
}
