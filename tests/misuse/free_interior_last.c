/* interior_pointer cls=6 got=0x11 expect=0xa6 | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer to the last byte of a block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memset(p, 0x11, 100);
  use_free(hide(p + 99));
  for (unsigned i = 0; i < 100; i++) {
    if (p[i] != 0x11) return 5;
  }
  use_free(p);
  return finish(NULL);
}
