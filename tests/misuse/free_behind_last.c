/* invalid_pointer cls=6 | debug=invalid_pointer | guard=invalid_pointer | valgrind=Invalid_free: free of a pointer behind the last block of a slab */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(hide((char *)((uintptr_t)p | 0xfff8))); /* 0xfff0 may lie in `p` itself: a guarded block of 100 bytes ends 12 bytes before its page does */
  use_free(p);
  return finish(NULL);
}
