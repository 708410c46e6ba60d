/* overrun_text cls=1 got=0x5f expect=0xa1 | debug=overflow | guard=overflow! | valgrind=Invalid_write: text that runs over with the very character that means free */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  strcpy(hide(left), "0123456789012345678901234567890_and_more");
  use_free(right);
  return finish(right);
}
