/* none | debug=overflow | guard=nothing | valgrind=Invalid_write: memcpy one byte past the end of a block that stays live */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memcpy(hide(p + 100), "an address book, 32 bytes of it.", 1);
  return finish_at_once();
}
