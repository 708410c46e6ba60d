/* overrun_fill cls=1 got=0xff expect=0x5f over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: memset one byte too long; the right neighbour, free, is handed out */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  memset(hide(left), 0xff, 32);
  return finish(right);
}
