/* none | debug=nothing | guard=use_after_free! | valgrind=Invalid_read: a read of a freed block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  if (((volatile char *)hide(p))[50] == 1) return 5;
  return finish(NULL);
}
