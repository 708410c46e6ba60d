/* wrong_size cls=large | debug=wrong_size | guard=wrong_size | valgrind=wrong_size: a sized free of a large block with another size than it was asked for */
#include <dlfcn.h>

#include "misuse.h"

int main(void) {
  void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  free_sized(use_malloc(300000), 299999);
  return finish(NULL);
}
