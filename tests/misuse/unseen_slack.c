/* none | debug=nothing | guard=nothing | valgrind=nothing: a write past what was asked for, but not past the block */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memset(hide(p), 'A', malloc_usable_size(p));
  use_free(p);
  return finish(NULL);
}
