/* One character too many. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  memset(hide(left), 'A', 32);
  use_free(right);
  return finish(right);
}
