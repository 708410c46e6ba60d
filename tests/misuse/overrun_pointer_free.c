/* overrun_pointer cls=1 got=0x00 expect=0x5f over=9 | debug=overflow | guard=overflow! | valgrind=Invalid_write: two elements too many; the right neighbour, free, is handed out */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  void **array = hide(left);
  for (unsigned i = 0; i < 5; i++) array[i] = stdout;
  return finish(right);
}
