/* static_pointer cls=none | debug=static_pointer | guard=static_pointer | valgrind=Invalid_free: free of a string literal */
#include "misuse.h"

int main(void) {
  use_free(hide((void *)(uintptr_t) "literal"));
  return finish(NULL);
}
