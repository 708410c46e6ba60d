/* forks: 100000 allocations, then five children of 1000 allocations each, each of which writes past a block that it frees. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void work(int count) {
  for (int i = 0; i < count; i++) free(malloc(100));
}

__attribute__((noinline)) static void spoil(void) {
  volatile char *blocks[20];
  for (int i = 0; i < 20; i++) {
    blocks[i] = malloc(47);
    if (blocks[i] == NULL) abort();
  }
  for (int i = 0; i < 20; i++) blocks[i][47] = 0;
  for (int i = 0; i < 20; i++) free((void *)blocks[i]);
}

int main(void) {
  work(100000);
  spoil();
  for (int child = 0; child < 5; child++) {
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
      work(1000);
      spoil();
      exit(0);
    }
    waitpid(pid, NULL, 0);
  }
  return 0;
}
