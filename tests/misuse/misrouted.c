/* misrouted cls=1 got=0xa7 expect=0xa1 | debug=overflow | guard=overflow | valgrind=Invalid_write: another class's header stands before a block that is freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  ((char *)hide(left))[31] = (char)0xa7;
  use_free(right);
  return finish(right);
}
