/* overrun_fill cls=1 got=0xff expect=0x5f over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: one byte over, into a free block; found when the lists are drained */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  memset(hide(left), 0xff, 32);
  malloc_trim(0);
  return finish(right);
}
