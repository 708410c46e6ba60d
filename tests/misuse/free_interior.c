/* interior_pointer cls=6 got=0x11 expect=0xa6 | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer into the middle of a block, which stays whole */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memset(p, 0x11, 100);
  use_free(hide(p + 48));
  for (unsigned i = 0; i < 100; i++) {
    if (p[i] != 0x11) return 5;
  }
  use_free(p);
  return finish(NULL);
}
