/* invalid_pointer cls=none | debug=invalid_pointer | guard=invalid_pointer | valgrind=Invalid_free: free of a pointer into a part of a SuperSlab that holds no slab */
#include "misuse.h"

#define BLOCKS 20000 /* more than there are slots for guarded ones: the last lies in a SuperSlab in every mode */

int main(void) {
  static char *blocks[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) blocks[i] = use_malloc(100);
  use_free(hide((char *)((uintptr_t)blocks[BLOCKS - 1] | 0x1fff00)));
  for (unsigned i = 0; i < BLOCKS; i++) use_free(blocks[i]);
  return finish(NULL);
}
