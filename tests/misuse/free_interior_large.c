/* interior_pointer cls=large | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer into a large block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(300000);
  use_free(hide(p + 1000));
  p[299999] = 1;
  use_free(p);
  return finish(NULL);
}
