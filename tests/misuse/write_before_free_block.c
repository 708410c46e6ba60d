/* A long overrun into a free block: its header and its link. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  memset(hide(left), 'B', 48);
  return finish(right);
}
