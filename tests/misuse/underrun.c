/* unknown cls=6 got=0x93 expect=0xa6 | debug=underflow | guard=underflow | valgrind=Invalid_write: a write to the byte before a block; found when it is freed */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  ((char *)hide(p))[-1] = (char)0x93;
  use_free(p);
  return finish(p);
}
