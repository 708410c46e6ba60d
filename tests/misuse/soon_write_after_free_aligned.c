/* none | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: the same of an aligned block */
#include "misuse.h"

int main(void) {
  char *p = aligned_alloc(64, 128);
  use_free(p);
  memcpy(hide(p), "an address book, 32 bytes of it.", 32);
  return finish_at_once();
}
