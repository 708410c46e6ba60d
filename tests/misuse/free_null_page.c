/* unmapped_pointer cls=none: free of a small number */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)24);
  return finish(NULL);
}
