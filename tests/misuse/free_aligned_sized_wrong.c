/* wrong_size | debug=wrong_size | guard=wrong_size | valgrind=wrong_size: free_aligned_sized with a size that the block cannot have */
#include <dlfcn.h>

#include "misuse.h"

int main(void) {
  void (*sized)(void *, size_t, size_t) = (void (*)(void *, size_t, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_aligned_sized");
  sized(aligned_alloc(64, 256), 64, 1024);
  return finish(NULL);
}
