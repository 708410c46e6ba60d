/* none | debug=underflow | guard=nothing | valgrind=Invalid_write: memcpy to the 32 bytes before a block that stays live */
#include "misuse.h"

int main(void) {
  if (use_malloc(100) == NULL) return 4; /* so that there is memory before the block in every mode */
  char *p = use_malloc(100);
  memcpy(hide(p - 32), "an address book, 32 bytes of it.", 32);
  return finish_at_once();
}
