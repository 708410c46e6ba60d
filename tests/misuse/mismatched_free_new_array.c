/* none | debug=mismatched_free | guard=mismatched_free | valgrind=nothing: a block of operator new[] given to free */
#include "operators.h"

int main(void) {
  use_free(new_block("_Znam", 100));
  return finish(NULL);
}
