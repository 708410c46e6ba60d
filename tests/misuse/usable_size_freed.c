/* usable_size_after_free cls=6 got=0x5f expect=0xa6 | debug=usable_size_after_free | guard=usable_size_after_free | valgrind=usable_size_after_free: a freed pointer given to malloc_usable_size, which returns 0 */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  void *p = use_malloc(100);
  use_free(p);
  if (malloc_usable_size(hide(p)) != 0) return 5;
  return finish(NULL);
}
