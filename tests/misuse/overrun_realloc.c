/* overrun_fill cls=1 got=0x42 expect=0xa1 over=1 | debug=overflow | guard=overflow | valgrind=Invalid_write: memset one byte too long; the right neighbour goes to realloc */
#include "misuse.h"

int main(void) {
  char *left, *right;
  neighbours(&left, &right);
  strcpy(right, "contents");
  memset(hide(left), 'B', 32);
  char *moved = use_realloc(right, 1000);
  if (moved == NULL || strcmp(moved, "contents") != 0) return 5;
  use_free(moved);
  return finish(NULL);
}
