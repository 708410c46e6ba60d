/* none | debug=overflow | guard=nothing | valgrind=Invalid_write: one byte past the end of a large block */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100001);
  memcpy(hide(p + 100001), "an address book, 32 bytes of it.", 1);
  return finish_at_once();
}
