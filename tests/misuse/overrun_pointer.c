/* overrun_pointer cls=1 got=0x00 expect=0xa1 | debug=overflow | guard=overflow | valgrind=Invalid_write: an array of pointers with one element too many; the right neighbour is freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  void **array = hide(left);
  for (unsigned i = 0; i < 4; i++) array[i] = stdout;
  use_free(right);
  return finish(right);
}
