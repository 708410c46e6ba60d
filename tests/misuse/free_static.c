/* static_pointer cls=none | debug=static_pointer | guard=static_pointer | valgrind=Invalid_free: free of static data */
#include "misuse.h"

static char here[64];

int main(void) {
  use_free(hide(here + 16));
  return finish(NULL);
}
