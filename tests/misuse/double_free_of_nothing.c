/* double_free cls=0 got=0x5f expect=0xa0 | debug=double_free | guard=double_free | valgrind=Invalid_free: malloc(0), twice freed */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(0);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
