/* overrun_copy cls=1 expect=0xa1 over=5 | debug=overflow | guard=overflow! | valgrind=Invalid_write: records of 12 bytes copied 5 bytes too far; the right neighbour is freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  static const char record[13] = "\x01\x80\x02\x81\x03\x82\x04\x83\x05\x84\x06\x85";
  for (unsigned i = 0; i < 36; i++) ((char *)hide(left))[i] = record[i % 12];
  use_free(right);
  return finish(right);
}
