/*
 * forks.c: makes children in every way there is, and prints "WAY PID" for each; a child makes BLOCKS blocks of SIZE
 * bytes.
 *
 *   forks ways          one child by each way
 *   forks storm N       N children by each of two threads, while four others allocate
 *   forks blocks        BLOCKS blocks
 */
#include <pthread.h>
#include <pty.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 100
#define SIZE 779 /* no other code asks for this size */

extern char **environ;

static void blocks(void) {
  static void *block[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) block[i] = malloc(SIZE);
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
}

static void child(const char *way) {
  if (way != NULL) printf("%s %d\n", way, (int)getpid());
  blocks();
  exit(fflush(stdout) == 0 ? 0 : 1);
}

static void reap(pid_t pid) {
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    fprintf(stderr, "child %d: status %x\n", (int)pid, (unsigned)status);
    _exit(1);
  }
}

static void by_fork(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    const pid_t grandchild = fork();
    if (grandchild == 0) child("grandchild");
    reap(grandchild);
    child("fork");
  }
  reap(pid);
}

static void by_daemon(void) {
  int done[2];
  if (pipe(done) != 0) _exit(1);
  const pid_t pid = fork();
  if (pid == 0) {
    if (daemon(1, 1) != 0) _exit(1);
    child("daemon");
  }
  close(done[1]);
  reap(pid);
  char c;
  if (read(done[0], &c, 1) != 0) _exit(1); /* until the daemon has ended */
  close(done[0]);
}

/* The C library forks within: no wrapper of fork sees it. */
static void by_forkpty(void) {
  int terminal;
  char text[64];
  const pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
  if (pid == 0) {
    blocks();
    exit(0);
  }
  while (read(terminal, text, sizeof(text)) > 0) {}
  reap(pid);
  close(terminal);
  printf("forkpty %d\n", (int)pid);
}

static void by_spawn(char *self) {
  pid_t pid;
  char *arguments[] = {self, (char[]){"blocks"}, NULL};
  if (posix_spawn(&pid, self, NULL, NULL, arguments, environ) != 0) _exit(1);
  reap(pid);
  printf("posix_spawn %d\n", (int)pid);
  pid = vfork();
  if (pid == 0) {
    execv(self, arguments);
    _exit(1);
  }
  reap(pid);
  printf("vfork %d\n", (int)pid);
}

static atomic_bool stop;

static void *allocate(void *argument) {
  unsigned seed = (unsigned)(size_t)argument;
  void *kept[256] = {0};
  while (!stop) {
    const int i = rand_r(&seed) % 256;
    free(kept[i]);
    kept[i] = malloc((size_t)(rand_r(&seed) % (seed % 97 == 0 ? 300000 : 2000)));
  }
  for (int i = 0; i < 256; i++) free(kept[i]);
  return NULL;
}

static void *storm(void *argument) {
  for (size_t i = 0; i < (size_t)argument; i++) {
    const pid_t pid = fork();
    if (pid == 0) {
      blocks();
      if (i % 2 == 0) _exit(0);
      exit(0);
    }
    reap(pid);
  }
  return NULL;
}

int main(int count, char **argument) {
  if (count == 2 && strcmp(argument[1], "blocks") == 0) {
    blocks();
  } else if (count == 2 && strcmp(argument[1], "ways") == 0) {
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("parent %d\n", (int)getpid());
    blocks();
    by_fork();
    by_daemon();
    by_forkpty();
    by_spawn(argument[0]);
  } else if (count == 3) {
    pthread_t allocator[4], forker[2];
    for (size_t i = 0; i < 4; i++) pthread_create(&allocator[i], NULL, allocate, (void *)(i + 1));
    for (size_t i = 0; i < 2; i++) pthread_create(&forker[i], NULL, storm, (void *)strtoul(argument[2], NULL, 10));
    for (size_t i = 0; i < 2; i++) pthread_join(forker[i], NULL);
    stop = true;
    for (size_t i = 0; i < 4; i++) pthread_join(allocator[i], NULL);
  } else {
    return 2;
  }
  return 0;
}
