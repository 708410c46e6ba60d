/* off_by_one_nul got=0x00 over=1 | debug=overflow | guard=overflow! | valgrind=Invalid_write: strcpy one byte too long, from a block that memalign returned */
#include <malloc.h>

#include "misuse.h"

int main(void) {
  static char *p[64];
  for (unsigned i = 0; i < 64; i++) p[i] = memalign(64, 64);
  strcpy(hide(p[0] + 100), "0123456789012345678901234567");
  p[0][127] = '\0';
  for (unsigned i = 0; i < 64; i++) use_free(p[i]);
  return finish(NULL);
}
