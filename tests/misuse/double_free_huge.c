/* A block of its own mapping. */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(20 << 20);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
