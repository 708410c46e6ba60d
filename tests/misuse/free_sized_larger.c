/* wrong_size cls=6 | debug=wrong_size | guard=wrong_size | valgrind=wrong_size: a sized free with a size that the block cannot have */
#include <dlfcn.h>

#include "misuse.h"

int main(void) {
  void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  free_sized(use_malloc(100), 1000);
  return finish(NULL);
}
