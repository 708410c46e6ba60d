/* overrun_text cls=1 got=0x42 expect=0x5f over=17 | debug=overflow | guard=overflow! | valgrind=Invalid_write: text that runs over a free block's header and link */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  strcpy(hide(left), "a text that is much too long: ABCDEFGHIJKLMNOPQ");
  return finish(right);
}
