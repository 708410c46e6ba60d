/* unknown cls=1 got=0x93 expect=0xa1 | debug=overflow | guard=overflow | valgrind=Invalid_write: one byte that nothing explains, just past the end of a block */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  ((char *)hide(left))[31] = (char)0x93;
  use_free(right);
  return finish(right);
}
