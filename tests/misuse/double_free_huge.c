/* double_free cls=none: a huge block (a mapping of its own), twice */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(20 << 20);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
