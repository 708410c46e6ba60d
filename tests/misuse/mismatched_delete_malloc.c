/* none | debug=mismatched_free | guard=mismatched_free | valgrind=nothing: a block of malloc given to operator delete */
#include "operators.h"

int main(void) {
  delete_block("_ZdlPv", use_malloc(100));
  return finish(NULL);
}
