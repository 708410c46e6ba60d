/* double_free cls=none | debug=double_free | guard=double_free | valgrind=Invalid_free: a huge block, again after its memory was returned to the kernel */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  void *p = use_malloc(8 << 20);
  use_free(p);
  malloc_trim(0);
  use_free(p);
  return finish(NULL);
}
