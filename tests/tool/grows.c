/* grows: leaks 1000 bytes a millisecond or so at one call site, and replaces blocks at another, for ever. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void *leaks(size_t size) { return memset(malloc(size), 1, size); }
__attribute__((noinline)) static void *replaces(size_t size) { return memset(malloc(size), 1, size); }

int main(void) {
  static void *kept[64];
  puts("ready");
  fflush(stdout);
  for (unsigned i = 0;; i++) {
    leaks(1000);
    free(kept[i % 64]);
    kept[i % 64] = replaces(3000 + i % 7 * 1000);
    usleep(1000);
  }
}
