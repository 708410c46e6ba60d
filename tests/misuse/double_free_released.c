/* double_free cls=none | debug=double_free | guard=double_free | valgrind=Invalid_free: the second free comes after the SuperSlab was returned to the kernel */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  enum { N = 200000 };
  static void *p[N];
  for (unsigned i = 0; i < N; i++) p[i] = use_malloc(100);
  for (unsigned i = 0; i < N; i++) use_free(p[i]);
  malloc_trim(0);
  use_free(p[N / 2]);
  return finish(NULL);
}
