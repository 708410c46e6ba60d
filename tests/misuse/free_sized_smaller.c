/* wrong_size cls=20 | debug=wrong_size | guard=wrong_size | valgrind=wrong_size: a sized free with the size of a pointer instead of that of the object */
#include <dlfcn.h>

#include "misuse.h"

int main(void) {
  void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  free_sized(use_malloc(400), sizeof(void *));
  return finish(NULL);
}
