/* overrun_copy cls=1 expect=0x5f over=17 | debug=overflow | guard=overflow! | valgrind=Invalid_write: the same 17 bytes too far, over a free block's header and link */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  static const char record[13] = "\x01\x80\x02\x81\x03\x82\x04\x83\x05\x84\x06\x85";
  for (unsigned i = 0; i < 48; i++) ((char *)hide(left))[i] = record[i % 12];
  return finish(right);
}
