/* overrun_fill cls=1 expect=0x5f over=1 | debug=overflow | guard=use_after_free! | valgrind=Invalid_read+Invalid_write: memset one byte too long, with the byte that the free right neighbour's link begins with */
#include "misuse.h"

int main(void) {
  char *left, *right;
  int byte;
  unsigned tries = 0;
  do {
    neighbours(&left, &right);
    use_free(right);
    byte = *(unsigned char *)hide(right);
  } while ((byte == 0x00 || byte == 0x5f || (byte & 0xef) == 0xa1) && ++tries < 64); /* no zero, and no header */
  memset(hide(left), byte, 32);
  return finish(right);
}
