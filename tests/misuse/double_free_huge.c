/* double_free cls=none | debug=double_free | guard=double_free | valgrind=Invalid_free: a huge block (a mapping of its own), twice */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(20 << 20);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
