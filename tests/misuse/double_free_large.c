/* double_free cls=none | debug=double_free | guard=double_free | valgrind=Invalid_free: a large block (a run of units of a SuperSlab), twice */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(200000);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
