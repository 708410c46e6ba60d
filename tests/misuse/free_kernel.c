/* unmapped_pointer cls=none | debug=unmapped_pointer | guard=unmapped_pointer | valgrind=Invalid_free: free of an address of the kernel */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)0xffff888000001000);
  return finish(NULL);
}
