/* overrun_fill cls=1 got=0x41 expect=0xa1 over=2 | debug=overflow | guard=overflow! | valgrind=Invalid_write: two bytes past the end of a block, over the header of its live neighbour, and neither is ever freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  memset(hide(left), 'A', 31 + 2);
  return finish(NULL);
}
