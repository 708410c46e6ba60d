/* unmapped_pointer cls=none | debug=unmapped_pointer | guard=unmapped_pointer | valgrind=Invalid_free: free of a mapping that another library made and took down */
#include <sys/mman.h>

#include "misuse.h"

int main(void) {
  void *const far = (void *)(uintptr_t)0x100000000000; /* where nothing else is mapped meanwhile */
  char *p = mmap(far, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 5;
  munmap(p, 1 << 20);
  use_free(hide(p + 4096));
  return finish(NULL);
}
