/*
 * A page of the heap that the program keeps from its children:   kept_from_child dontfork|wipe
 *
 * Libraries for RDMA and GPUs do this to the pages around a buffer. A child that ends by exit does not touch the page. Neither may hakmem: in the child,
 * the page is missing, or reads as zeros.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 2000
#define SIZE 200

int main(int argc, char **argv) {
  static char *block[BLOCKS];
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < BLOCKS; i++) {
    block[i] = malloc(SIZE);
    if (block[i] == NULL) return 2;
    memset(block[i], 1, SIZE);
  }
  char *kept = (char *)((uintptr_t)block[BLOCKS / 2] & ~(page - 1));
  if (madvise(kept, page, argc > 1 && strcmp(argv[1], "wipe") == 0 ? MADV_WIPEONFORK : MADV_DONTFORK) != 0) return 77;
  const pid_t child = fork();
  if (child == 0) exit(0);
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) {
    printf("the child's status is %#x\n", status);
    return 1;
  }
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
  return 0;
}
