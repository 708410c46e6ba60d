/* The same beside a free block: found when that block would be handed out. */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  use_free(right);
  strcpy(hide(left), "0123456789012345678901234567890");
  return finish(right);
}
