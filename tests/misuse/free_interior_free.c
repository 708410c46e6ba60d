/* interior_pointer cls=6 | debug=interior_pointer | guard=interior_pointer | valgrind=Invalid_free: free of a pointer into a block that is free */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  use_free(hide(p + 48));
  return finish(NULL);
}
