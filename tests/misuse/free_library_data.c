/* static_pointer cls=none: free of static data of a shared library */
#include "misuse.h"

int main(void) {
  use_free(hide(stdout));
  return finish(NULL);
}
