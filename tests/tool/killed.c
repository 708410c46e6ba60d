/*
 * killed: a process whose statistics end before it does.
 *
 *   killed kill BLOCKS         allocates blocks of 100 bytes, writes to them, rests for 300 ms, and sends itself SIGKILL
 *   killed exec IMAGES BLOCKS  allocates as many, rests until the next writing of the file is due, allocates some more, and calls exec, with one image less, until none is left
 *   killed wrap IMAGES         calls exec at once, until no image is left
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void allocate(const char *blocks) {
  for (long i = atol(blocks); i > 0; i--) {
    char *const block = malloc(100);
    if (block == NULL) abort();
    memset(block, 1, 100);
  }
}

int main(int count, char **argument) {
  if (count < 3) return 2;
  if (strcmp(argument[1], "kill") == 0) {
    allocate(argument[2]);
    usleep(300000);
    kill(getpid(), SIGKILL);
  }
  if (count == 4) {
    allocate(argument[3]);
    usleep(150000);
    allocate("100000");
  }
  const int images = atoi(argument[2]);
  if (images <= 1) return 0;
  char left[16];
  snprintf(left, sizeof(left), "%d", images - 1);
  execl("/proc/self/exe", "killed", argument[1], left, argument[3], (char *)NULL);
  return 1;
}
