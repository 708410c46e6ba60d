/* unmapped_pointer cls=none | debug=unmapped_pointer | guard=unmapped_pointer | valgrind=Invalid_free: free of a small number */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)24);
  return finish(NULL);
}
