/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a freed block's link overwritten by the address of a live block, which stays live */
#include "misuse.h"

int main(void) {
  char *live = use_malloc(100), *p = use_malloc(100);
  memset(live, 0x22, 100);
  use_free(p);
  memcpy(hide(p), &live, sizeof live);
  use_malloc(100);
  for (unsigned i = 0; i < 5000; i++) {
    if (use_malloc(100) == (void *)live) return 5;
  }
  for (unsigned i = 0; i < 100; i++) {
    if (live[i] != 0x22) return 5;
  }
  use_free(live);
  return finish(NULL);
}
