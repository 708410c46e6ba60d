/* none | debug=mismatched_free | guard=mismatched_free | valgrind=nothing: a block of operator new given to realloc */
#include "operators.h"

int main(void) {
  use_free(use_realloc(new_block("_Znwm", 100), 3000));
  return finish(NULL);
}
