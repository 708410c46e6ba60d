/* overrun_fill cls=1 got=0xff expect=0x5f over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: one byte over, into a free block; found when its thread ends */
#include <pthread.h>

#include "misuse.h"

static void *overrun(void *both) {
  void **p = both;
  use_free(p[1]);
  memset(hide(p[0]), 0xff, 32);
  return NULL;
}

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  pthread_t t;
  void *both[2] = {left, right};
  pthread_create(&t, NULL, overrun, both);
  pthread_join(t, NULL);
  return finish(right);
}
