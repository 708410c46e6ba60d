/* static_pointer cls=none | debug=static_pointer | guard=static_pointer | valgrind=Invalid_free: free of static data of a shared library */
#include "misuse.h"

int main(void) {
  use_free(hide(stdout));
  return finish(NULL);
}
