/* none | debug=underflow | guard=nothing | valgrind=Invalid_write: the 32 bytes before an aligned block */
#include "misuse.h"

int main(void) {
  if (aligned_alloc(256, 256) == NULL) return 4; /* so that there is memory before the block in every mode */
  char *p = aligned_alloc(256, 256);
  memcpy(hide(p - 32), "an address book, 32 bytes of it.", 32);
  return finish_at_once();
}
