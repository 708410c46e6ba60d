/* A byte that nothing explains. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  ((char *)hide(left))[31] = (char)0x93;
  use_free(right);
  return finish(right);
}
