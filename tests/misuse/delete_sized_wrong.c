/* wrong_size cls=6 | debug=wrong_size | guard=wrong_size | valgrind=wrong_size: a sized operator delete with a size that the block does not have */
#include "operators.h"

int main(void) {
  void (*delete_sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)operator_of("_ZdlPvm");
  delete_sized(new_block("_Znwm", 100), 1000);
  return finish(NULL);
}
