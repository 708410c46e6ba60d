/* overrun_fill cls=1 got=0xff expect=0xa1 over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: memset one byte too long; the right neighbour, live, is freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  memset(hide(left), 0xff, 32);
  use_free(right);
  return finish(right);
}
