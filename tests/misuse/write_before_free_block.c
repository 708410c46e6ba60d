/* overrun_fill cls=1 got=0x42 expect=0x5f over=17 | debug=overflow | guard=overflow! | valgrind=Invalid_write: memset 17 bytes too long, over a free block's header and link */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  memset(hide(left), 'B', 48);
  return finish(right);
}
