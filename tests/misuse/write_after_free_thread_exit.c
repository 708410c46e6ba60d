/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a freed block's link overwritten, in a list of which a part stays when its thread ends */
#include <pthread.h>

#include "misuse.h"

enum { BLOCKS = 60 };

static void *write_and_end(void *blocks) {
  char **p = blocks;
  for (unsigned i = 0; i < BLOCKS; i++) use_free(p[i]);
  memset(hide(p[BLOCKS - 4]), 0x41, sizeof(void *));
  return NULL;
}

int main(void) {
  char *p[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) p[i] = use_malloc(100);
  pthread_t t;
  pthread_create(&t, NULL, write_and_end, p);
  pthread_join(t, NULL);
  return finish(NULL);
}
