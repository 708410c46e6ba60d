/* none | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a write to a freed block that leaves its link and its neighbour's header alone */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  memset((char *)hide(p) + sizeof(void *), 'A', 50);
  return finish(NULL);
}
