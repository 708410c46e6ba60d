/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: free of a pointer that realloc had moved */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  char *moved = use_realloc(p, 5000);
  if (moved == NULL || moved == hide(p)) return 5;
  use_free(hide(p));
  use_free(moved);
  return finish(NULL);
}
