/* free, and free again. */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(100);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
