/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: the second free comes after others of the same size */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(100), *others[50];
  for (unsigned i = 0; i < 50; i++) others[i] = use_malloc(100);
  use_free(p);
  for (unsigned i = 0; i < 50; i++) use_free(others[i]);
  use_free(p);
  return finish(NULL);
}
