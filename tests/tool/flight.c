/*
 * flight.c: allocates, and does what the flight recorder must survive.
 *
 *   flight work [MS]   one thread; with MS, again and again for so long
 *   flight threads MS  four threads
 *   flight family      a child of fork, one of vfork, one that calls exec
 *   flight rest        works, says so, works again when its standard input ends
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 3000

static long until_ms;

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work(unsigned seed) {
  static __thread void *blocks[BLOCKS];
  for (unsigned i = 0; i < 20 * BLOCKS; i++) {
    seed = seed * 1664525 + 1013904223;
    void **const place = &blocks[(seed >> 8) % BLOCKS];
    free(*place);
    *place = malloc(16 + (seed >> 4) % 2000);
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    free(blocks[i]);
    blocks[i] = NULL;
  }
}

static void *work_on(void *seed) {
  do work((unsigned)(size_t)seed);
  while (now_ms() < until_ms);
  return NULL;
}

static void family(char *self) {
  const pid_t forked = fork();
  if (forked == 0) {
    work(2);
    usleep(30000);
    work(3);
    exit(0);
  }
  waitpid(forked, NULL, 0);
  const pid_t execed = fork();
  if (execed == 0) {
    usleep(30000);
    work(4);
    execl(self, self, "work", "40", NULL);
    _exit(1);
  }
  waitpid(execed, NULL, 0);
  const pid_t borrowed = vfork();
  if (borrowed == 0) {
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  waitpid(borrowed, NULL, 0);
  work(5);
}

static void rest(void) {
  char byte;
  usleep(30000);
  work(6);
  puts("worked");
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {}
  for (unsigned i = 0; i < 10; i++) {
    usleep(20000);
    work(7 + i);
  }
}

int main(int argc, char **argv) {
  const char *const what = argc > 1 ? argv[1] : "work";
  if (argc > 2) until_ms = now_ms() + atol(argv[2]);
  if (strcmp(what, "work") == 0) work_on((void *)1);
  if (strcmp(what, "family") == 0) family(argv[0]);
  if (strcmp(what, "rest") == 0) rest();
  if (strcmp(what, "threads") == 0) {
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work_on, (void *)(i + 1));
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  }
  return 0;
}
