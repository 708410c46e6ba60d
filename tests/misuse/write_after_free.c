/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: memset over a freed block, found when its link is followed */
#include "misuse.h"

static char something[256];

int main(void) {
  char *p = use_malloc(100), *other = something + 128;
  use_free(p);
  memcpy(hide(p), &other, sizeof other);
  use_malloc(100); /* hands p out again; what it leads to is not the heap's */
  const int result = finish(NULL);
  for (unsigned i = 0; i < sizeof something; i++) {
    if (something[i] != 0) return 5;
  }
  return result;
}
