/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: the block was handed out again between: its new owner's free says so */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(100);
  use_free(p);
  void *q = use_malloc(100);
  use_free(hide(p));
  use_free(q);
  return finish(NULL);
}
