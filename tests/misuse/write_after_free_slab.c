/* overwritten_link cls=6 got=0x5f expect=0x5f | debug=write_after_free | guard=use_after_free! | valgrind=Invalid_write: a freed block's link overwritten, when the block was back in its slab */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  static char *blocks[2000];
  for (unsigned i = 0; i < 2000; i++) blocks[i] = use_malloc(100);
  for (unsigned i = 0; i < 2000; i++) {
    if (i % 2 == 0) use_free(blocks[i]);
  }
  malloc_trim(0); /* all lists are returned to the slabs, none of which is empty */
  memset(hide(blocks[400]), 0x41, sizeof(void *));
  for (unsigned i = 0; i < 3000; i++) {
    char *p = use_malloc(100);
    for (unsigned k = 1; k < 2000; k += 200) {
      if (p == blocks[k]) return 5;
    }
  }
  return finish(NULL);
}
