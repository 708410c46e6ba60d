/* A string of 31 characters and its NUL, written into 31 bytes; found when the right neighbour is freed. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  strcpy(hide(left), "0123456789012345678901234567890");
  use_free(right);
  return finish(right);
}
