/* loop.c: four threads allocate and free blocks, until SIGTERM, or for MS milliseconds:   loop [MS] */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool stop;

static void on_signal(int signal) {
  (void)signal;
  stop = true;
}

static void *loop(void *pause) {
  void *kept[64] = {0};
  for (unsigned i = 0; !stop; i++) {
    free(kept[i % 64]);
    kept[i % 64] = malloc(781 + i % 7 * 100);
    if (pause != NULL) usleep(1000);
  }
  for (int i = 0; i < 64; i++) free(kept[i]);
  return NULL;
}

int main(int count, char **argument) {
  signal(SIGTERM, on_signal);
  signal(SIGALRM, on_signal);
  if (count == 2) ualarm((useconds_t)atoi(argument[1]) * 1000, 0);
  void *pause = count == 2 ? NULL : &stop; /* without an end in sight, fewer */
  pthread_t thread[4];
  for (int i = 0; i < 4; i++) pthread_create(&thread[i], NULL, loop, pause);
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  return 0;
}
