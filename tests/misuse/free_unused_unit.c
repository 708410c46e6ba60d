/* invalid_pointer cls=none | debug=invalid_pointer | guard=invalid_pointer | valgrind=Invalid_free: free of a pointer into a SuperSlab where there is no slab */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(hide((char *)((uintptr_t)p | 0x1fff00)));
  use_free(p);
  return finish(NULL);
}
