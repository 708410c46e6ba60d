/* double_free | debug=double_free | guard=double_free | valgrind=Invalid_free: a large block, again when small blocks lie in its place */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(300000), *small[3000];
  use_free(p);
  for (unsigned i = 0; i < 3000; i++) small[i] = use_malloc(1000);
  use_free(p);
  for (unsigned i = 0; i < 3000; i++) use_free(small[i]);
  return finish(NULL);
}
