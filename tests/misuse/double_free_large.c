/* A block of its own run of units; after the first free nobody knows it any more. */
#include "misuse.h"

int main(void) {
  void *p = use_malloc(200000);
  use_free(p);
  use_free(p);
  return finish(NULL);
}
