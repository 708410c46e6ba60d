/* The first thread returns from main while two others fork, one after the other: the process must end. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *fork_on(void *unused) {
  for (;;) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
  }
  return unused;
}

int main(void) {
  pthread_t thread;
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&thread, NULL, fork_on, NULL) != 0) return 2;
  }
  usleep(30000);
  return 0;
}
