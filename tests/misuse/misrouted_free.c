/* misrouted cls=1 got=0xa7 expect=0x5f | debug=overflow | guard=overflow | valgrind=Invalid_write: another class's header stands before a block that is free */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  ((char *)hide(left))[31] = (char)0xa7;
  return finish(right);
}
