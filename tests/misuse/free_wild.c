/* unmapped_pointer cls=none | debug=unmapped_pointer | guard=unmapped_pointer | valgrind=Invalid_free: free of an address that no memory is at */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)0xdeadbeefdeadbeef);
  return finish(NULL);
}
