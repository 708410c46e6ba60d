/* off_by_one_nul cls=1 got=0x00 expect=0x5f over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: strcpy one byte too long; the right neighbour, free, is handed out */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  strcpy(hide(left), "0123456789012345678901234567890");
  return finish(right);
}
