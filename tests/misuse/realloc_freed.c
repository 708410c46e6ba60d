/* realloc_after_free cls=6 got=0x5f expect=0xa6 | debug=realloc_after_free | guard=realloc_after_free | valgrind=Invalid_free: a freed pointer given to realloc */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(100);
  use_free(p);
  if (use_realloc(p, 500) != NULL) return 5;
  return finish(NULL);
}
