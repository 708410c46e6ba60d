/* free of no address at all. */
#include "misuse.h"

int main(void) {
  use_free((void *)(uintptr_t)0xdeadbeefdeadbeef);
  return finish(NULL);
}
