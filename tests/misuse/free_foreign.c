/* foreign_pointer cls=none | debug=foreign_pointer | guard=foreign_pointer | valgrind=Invalid_free: free of a mapping that another library made */
#include <sys/mman.h>

#include "misuse.h"

int main(void) {
  char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 5;
  p[4096] = 7;
  use_free(p + 4096);
  if (p[4096] != 7) return 5;
  return finish(NULL);
}
