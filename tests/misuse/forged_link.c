/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a freed block's link overwritten by the address of static memory, which looks like a free block */
#include "misuse.h"

static unsigned char target[256] __attribute__((aligned(64)));

int main(void) {
  char *a = use_malloc(100), *b = use_malloc(100);
  void *place = target + 64;
  target[63] = 0x5f; /* the header of a free block */
  use_free(b);
  use_free(a);
  memcpy(hide(a), &place, sizeof place);
  for (unsigned i = 0; i < 100; i++) {
    if (use_malloc(100) == place) return 5;
  }
  return finish(place);
}
