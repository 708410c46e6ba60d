/*
 * exits.c: ends in the middle of things.
 *
 *   exits race     exit while four threads allocate
 *   exits never    the same four threads, until a signal ends it; says "running" when they do
 *   exits small    forty threads with the smallest stack there is allocate, throw their blocks away and end
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *allocate(void *argument) {
  (void)argument;
  void *kept[64] = {0};
  for (unsigned i = 0;; i++) {
    free(kept[i % 64]);
    kept[i % 64] = malloc(i % 1000);
  }
  return NULL;
}

static void *few(void *argument) {
  void *kept[100];
  for (size_t i = 0; i < 100; i++) kept[i] = malloc(i * 10 + (size_t)argument);
  for (size_t i = 0; i < 100; i++) free(kept[i]);
  return NULL;
}

int main(int count, char **argument) {
  if (count != 2) return 2;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (strcmp(argument[1], "small") == 0) {
    if (pthread_attr_setstacksize(&attributes, 16384) != 0) return 1;
    for (size_t i = 0; i < 40; i++) {
      if (pthread_create(&thread, &attributes, few, (void *)i) != 0 || pthread_join(thread, NULL) != 0) return 1;
    }
    return 0;
  }
  for (int i = 0; i < 4; i++) {
    if (pthread_create(&thread, &attributes, allocate, NULL) != 0) return 1;
  }
  usleep(30000);
  if (strcmp(argument[1], "never") == 0) {
    if (write(STDOUT_FILENO, "running\n", 8) != 8) return 1;
    pause();
  }
  exit(0);
}
