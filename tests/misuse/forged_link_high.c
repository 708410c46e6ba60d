/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: the highest three bytes of a freed block's link overwritten */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  memset((char *)hide(p) + 5, 0x41, 3);
  return finish(NULL);
}
