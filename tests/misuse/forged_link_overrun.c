/* overrun_text cls=1 got=0x5f expect=0x5f over=1 | debug=overflow | guard=overflow! | valgrind=Invalid_write: text past the end of a block, with the right header and a forged link for its free right neighbour */
#include "misuse.h"

static unsigned char target[256] __attribute__((aligned(64)));

int main(void) {
  char *left, *right;
  void *place = target + 64;
  target[63] = 0x5f; /* the header of a free block */
  neighbours(&left, &right);
  use_free(right);
  char text[40];
  memset(text, 'A', 31);
  text[31] = 0x5f;
  memcpy(text + 32, &place, sizeof place);
  memcpy(hide(left), text, sizeof text);
  return finish(place);
}
