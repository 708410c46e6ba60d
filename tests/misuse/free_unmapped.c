/* unmapped_pointer cls=none: free of a mapping that another library made and took down */
#include <sys/mman.h>

#include "misuse.h"

int main(void) {
  char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 5;
  munmap(p, 1 << 20);
  use_free(hide(p + 4096));
  return finish(NULL);
}
