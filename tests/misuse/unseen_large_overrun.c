/* none | debug=overflow! | guard=overflow! | valgrind=Invalid_write: a write past the end of a large block, within its last unit */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(300000);
  memset(hide(p), 'A', 300100);
  use_free(p);
  return finish(NULL);
}
