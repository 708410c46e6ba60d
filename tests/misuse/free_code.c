/* static_pointer cls=none: free of a function */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)&main);
  return finish(NULL);
}
