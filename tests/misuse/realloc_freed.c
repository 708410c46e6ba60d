/* realloc of a block that was freed: there is nothing to resize. */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(100);
  use_free(p);
  if (use_realloc(p, 500) != NULL) return 5;
  return finish(NULL);
}
