/* foreign_pointer cls=none | debug=foreign_pointer | guard=foreign_pointer | valgrind=Invalid_free: free of a mapped file */
#include <fcntl.h>
#include <sys/mman.h>

#include "misuse.h"

int main(void) {
  const int fd = open("/proc/self/exe", O_RDONLY);
  void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  if (p == MAP_FAILED) return 5;
  use_free(p);
  return finish(NULL);
}
