/* invalid_pointer cls=6 | debug=invalid_pointer | guard=invalid_pointer | valgrind=Invalid_free: free of the start of a slab, before its first block */
#include "misuse.h"

int main(void) {
  char *other = use_malloc(3000), *p = use_malloc(100); /* not the first slab of its SuperSlab */
  use_free(hide((char *)((uintptr_t)p & ~(uintptr_t)0xffff)));
  use_free(p);
  use_free(other);
  return finish(NULL);
}
