/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a freed block's own address over its link, as an empty list of the program has it */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  memcpy(hide(p), &p, sizeof p);
  return finish(NULL);
}
