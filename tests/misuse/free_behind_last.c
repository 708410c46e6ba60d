/* invalid_pointer cls=6 | debug=invalid_pointer | guard=invalid_pointer | valgrind=Invalid_free: free of a pointer behind the last block of a slab */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(hide((char *)((uintptr_t)p | 0xfff0)));
  use_free(p);
  return finish(NULL);
}
