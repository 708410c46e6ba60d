/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: three of the lower bytes of a freed block's link overwritten, so that it might lead to a neighbour */
#include "misuse.h"

int main(void) {
  char *p[64];
  for (unsigned i = 0; i < 64; i++) p[i] = use_malloc(100);
  for (unsigned i = 0; i < 64; i++) use_free(p[i]);
  memset((char *)hide(p[60]) + 1, 0x41, 3);
  return finish(NULL);
}
