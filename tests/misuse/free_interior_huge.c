/* interior_pointer cls=huge | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer far into a huge block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(8 << 20);
  use_free(hide(p + (5 << 20)));
  p[(8 << 20) - 1] = 1;
  use_free(p);
  return finish(NULL);
}
