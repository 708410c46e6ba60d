/* none | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a write by memcpy to a freed block, which no call is given later */
#include "misuse.h"

int main(void) {
  char *p = use_malloc(100);
  use_free(p);
  memcpy(hide(p), "an address book, 32 bytes of it.", 1);
  return finish_at_once();
}
