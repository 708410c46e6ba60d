/*
 * The first thread ends, and another one goes on:   first_thread
 *
 * The kernel then tells nothing of the process's memory by /proc/self, nor by the process's number. The other thread loses a block of 333 bytes, frees a block
 * twice, and ends the process.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char state_of_first(void) {
  char path[64], state = '?';
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
  FILE *f = fopen(path, "r");
  if (f != NULL && fscanf(f, "%*d %*s %c", &state) != 1) state = '?';
  if (f != NULL) fclose(f);
  return state;
}

__attribute__((noinline)) static void lose(void) {
  void *volatile lost = malloc(333);
  lost = malloc(1);
  free(lost);
}

static void *go_on(void *unused) {
  for (int i = 0; i < 10000 && state_of_first() != 'Z'; i++) usleep(1000);
  if (state_of_first() != 'Z') _exit(77);
  lose();
  void *volatile block = malloc(40);
  free(block);
  free(block);
  exit(0);
  return unused;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, go_on, NULL) != 0) return 2;
  pthread_exit(NULL);
}
