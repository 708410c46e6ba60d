/* free of a static variable. */
#include "misuse.h"

static char here[64];

int main(void) {
  use_free(hide(here + 16));
  return finish(NULL);
}
