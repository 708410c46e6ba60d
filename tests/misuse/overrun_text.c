/* overrun_text cls=1 got=0x41 expect=0xa1 over=2 | debug=overflow | guard=overflow! | valgrind=Invalid_write: text that runs two bytes over; the right neighbour, live, is freed */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  strcpy(hide(left), "0123456789012345678901234567890A"); /* and its NUL */
  use_free(right);
  return finish(right);
}
