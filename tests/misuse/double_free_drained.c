/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: the second free comes after the block was returned to its slab */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  void *p = use_malloc(100), *keeps = use_malloc(100);
  use_free(p);
  malloc_trim(0);
  use_free(p);
  use_free(keeps);
  return finish(NULL);
}
