/* stack_pointer cls=none | debug=stack_pointer | guard=stack_pointer | valgrind=Invalid_free: free of a variable on the stack */
#include "misuse.h"

int main(void) {
  char here[64] = "";
  use_free(hide(here + 16));
  return finish(NULL);
}
