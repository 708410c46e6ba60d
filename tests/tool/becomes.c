/* becomes: frees a block twice, and becomes another program, which does nothing. */
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  void *volatile block = malloc(100);
  free(block);
  free(block);
  execl("/bin/true", "true", (char *)NULL);
  return 1;
}
