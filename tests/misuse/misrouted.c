/* Another class's live header stands before the block. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  ((char *)hide(left))[31] = (char)0xa7;
  use_free(right);
  return finish(right);
}
