/* overrun_text cls=1 got=0x41 expect=0x5f over=3 | debug=overflow | guard=overflow! | valgrind=Invalid_write: text that runs three bytes over; the right neighbour, free, is handed out */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  strcpy(hide(left), "0123456789012345678901234567890AB");
  return finish(right);
}
