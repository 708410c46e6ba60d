/* overrun_fill cls=1 expect=0x5f over=1 | debug=overflow | guard=use_after_free! | valgrind=Invalid_read+Invalid_write: memset one byte too long, with the byte that the free right neighbour's link begins with */
#include "misuse.h"

int main(void) {
  char *left, *right;
  int byte = 0;
  for (unsigned tries = 0; tries < 64 && (byte == 0x00 || byte == 0x5f || (byte & 0xef) == 0xa1); tries++) { /* no zero, and no header */
    neighbours(&left, &right);
    use_free(right);
    byte = *(unsigned char *)hide(right);
  }
  memset(hide(left), byte, 32);
  return finish(right);
}
