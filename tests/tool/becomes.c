/* becomes: allocates and frees for a while, so that its statistics are written, and becomes another program:   becomes PROGRAM ARGUMENT... */
#include <stdlib.h>
#include <unistd.h>

static void *volatile block;

int main(int argc, char **argv) {
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < 20000; i++) {
      block = malloc((size_t)(i % 3000));
      free(block);
    }
    usleep(5000);
  }
  if (argc > 1) execvp(argv[1], argv + 1);
  return 1;
}
