/* interior_pointer cls=6 got=0xa6 expect=0xa6 | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer into the middle of a block, before which lies what looks like the header of a live block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memset(p, 0xa6, 100);
  use_free(hide(p + 48));
  for (unsigned i = 0; i < 100; i++) {
    if (p[i] != (char)0xa6) return 5;
  }
  use_free(p);
  return finish(p + 48);
}
