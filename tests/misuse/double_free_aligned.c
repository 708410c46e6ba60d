/* double_free got=0x5f | debug=double_free | guard=double_free | valgrind=Invalid_free: an aligned block, twice */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  void *p = NULL;
  for (unsigned i = 0; i < 16 && ((uintptr_t)p & 255) == 0; i++) p = memalign(64, 100); /* one that lies inside of its block */
  use_free(p);
  use_free(p);
  return finish(NULL);
}
