/* none | debug=overflow | guard=overflow! | valgrind=Invalid_write: memcpy 32 bytes past the end of a block that stays live */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  memcpy(hide(p + 100), "an address book, 32 bytes of it.", 32);
  return finish_at_once();
}
