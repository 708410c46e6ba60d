/* realloc_after_free cls=none | debug=realloc_after_free | guard=realloc_after_free | valgrind=Invalid_free: a freed large block given to realloc, which returns NULL */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(300000);
  use_free(p);
  if (use_realloc(p, 400000) != NULL) return 5;
  return finish(NULL);
}
