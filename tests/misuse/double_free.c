/* double_free cls=6 got=0x5f expect=0xa6 | debug=double_free | guard=double_free | valgrind=Invalid_free: free, and free again at once */
#include "misuse.h"

/* As often as its argument says. */
int main(int argc, char **argv) {
  const int times = argc > 1 ? atoi(argv[1]) : 1;
  for (int i = 0; i < times; i++) {
    void *p = use_malloc(100);
    use_free(p);
    use_free(p);
  }
  return finish(NULL);
}
