/* static_pointer cls=none: free of a string literal */
#include "misuse.h"

int main(void) {
  use_free(hide((void *)(uintptr_t)"literal"));
  return finish(NULL);
}
