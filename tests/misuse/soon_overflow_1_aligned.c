/* none | debug=overflow | guard=overflow! | valgrind=Invalid_write: one byte past the end of an aligned block */
#include "misuse.h"

int main(void) {
  char *p = aligned_alloc(64, 64 * 3);
  memcpy(hide(p + 192), "an address book, 32 bytes of it.", 1);
  return finish_at_once();
}
