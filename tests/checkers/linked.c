/* hakmem by its own names, in a program whose malloc is the C library's: each kind of error once, and a leak. */
#include <string.h>

#include "hakmem.h"

__attribute__((noinline)) static char *make(size_t size) { return hak_malloc(size); }
__attribute__((noinline)) static void lose(void) { memset(make(123), 0, 123); }

int main(void) {
  char *volatile p = make(50);
  p[50] = 1;
  p[-1] = 1;
  hak_free(p);
  p = make(60);
  hak_free(p);
  p[3] = 1;
  hak_free(p);
  p = hak_calloc(100, 1000);
  const int zero = p[70000] == 0;
  p = hak_realloc(p, 200000);
  const int kept = p[70000] == 0;
  hak_free(p);
  lose();
  return !(zero && kept);
}
