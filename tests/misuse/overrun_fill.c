/* A fill pattern that runs one byte over. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  memset(hide(left), 0xff, 32);
  use_free(right);
  return finish(right);
}
