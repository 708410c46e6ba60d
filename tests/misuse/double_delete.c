/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: operator delete of a block that was deleted before */
#include "operators.h"

int main(void) {
  void *p = new_block("_Znwm", 100);
  delete_block("_ZdlPv", p);
  delete_block("_ZdlPv", p);
  return finish(NULL);
}
