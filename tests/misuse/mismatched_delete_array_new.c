/* none | debug=mismatched_free | guard=mismatched_free | valgrind=nothing: a block of operator new given to operator delete[] */
#include "operators.h"

int main(void) {
  delete_block("_ZdaPv", new_block("_Znwm", 100));
  return finish(NULL);
}
