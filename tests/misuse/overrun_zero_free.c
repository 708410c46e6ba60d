/* overrun_fill cls=1 got=0x00 expect=0x5f over=17 | debug=overflow+write_after_free | guard=use_after_free! | valgrind=Invalid_write: zeros 17 bytes too far, over a free block's header and link */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  memset(right + 8, 0x77, 23);
  memset(hide(left), 0, 48);
  return finish(right);
}
