/* double_free cls=6 got=0x00 | debug=double_free | guard=double_free | valgrind=Invalid_free: the second free comes after a trim took the memory behind the slab's last block in use */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  enum { N = 500 };
  static void *p[N];
  for (unsigned i = 0; i < N; i++) p[i] = use_malloc(100);
  for (unsigned i = 10; i < N; i++) use_free(p[i]);
  malloc_trim(0);
  use_free(p[N - 10]);
  return finish(NULL);
}
