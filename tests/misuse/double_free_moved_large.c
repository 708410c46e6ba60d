/* double_free cls=none | debug=double_free | guard=double_free | valgrind=Invalid_free: free of a large block that realloc had moved */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(300000), *behind = use_malloc(60000);
  char *moved = use_realloc(p, 3 << 20);
  if (moved == NULL || moved == hide(p)) return 5;
  use_free(hide(p));
  use_free(moved);
  use_free(behind);
  return finish(NULL);
}
