/* static_pointer cls=none | debug=static_pointer | guard=static_pointer | valgrind=Invalid_free: free of a function */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)&main);
  return finish(NULL);
}
