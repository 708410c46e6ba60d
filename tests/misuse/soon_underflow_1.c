/* none | debug=underflow | guard=nothing | valgrind=Invalid_write: memcpy to the byte before a block that stays live */
#include "misuse.h"

int main(void) {
  if (use_malloc(100) == NULL) return 4; /* so that there is memory before the block in every mode */
  char *p = use_malloc(100);
  memcpy(hide(p - 1), "an address book, 32 bytes of it.", 1);
  return finish_at_once();
}
