/* stack_pointer cls=none: free of a variable on the stack */
#include "misuse.h"

int main(void) {
  char here[64] = "";
  use_free(hide(here + 16));
  return finish(NULL);
}
