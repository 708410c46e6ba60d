/*
 * Forks while other threads allocate:   fork [CHILDREN]
 * Every child allocates, frees what it inherited, starts a thread, forks a child of its own; none may hang.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define SLOTS 500

static volatile sig_atomic_t stop;
static unsigned char *inherited[SLOTS];

static void churn(unsigned seed, unsigned rounds) {
  unsigned char *p[64] = {NULL};
  for (unsigned i = 0; i < rounds; i++) {
    seed = seed * 1103515245 + 12345;
    unsigned char **slot = &p[seed >> 8 & 63];
    free(*slot);
    const size_t size = seed >> 16 & 1 ? seed >> 17 & 255 : (seed >> 17 & 0x7fff) * (i % 50 == 0 ? 20 : 1);
    *slot = malloc(size);
    if (*slot == NULL) _exit(9);
    memset(*slot, (int)i, size < 64 ? size : 64);
  }
  for (unsigned i = 0; i < 64; i++) free(p[i]);
}

static void *work(void *arg) {
  for (unsigned i = (unsigned)(size_t)arg; !stop; i++) churn(i, 200);
  return NULL;
}

static void *work_in_child(void *arg) {
  churn((unsigned)(size_t)arg, 500);
  return NULL;
}

static int child(unsigned n) {
  alarm(60);
  for (unsigned i = 0; i < SLOTS; i++) {
    for (unsigned k = 0; k < 16; k++) {
      if (inherited[i][k] != (unsigned char)(i + k)) return 3;
    }
    if (i % 2 == 0) free(inherited[i]);
    else inherited[i] = realloc(inherited[i], i * 20 + 100);
  }
  churn(n, 500);
  pthread_t t;
  if (pthread_create(&t, NULL, work_in_child, NULL) != 0) return 4;
  if (n % 4 == 0) {
    const pid_t pid = fork();
    if (pid == 0) {
      churn(n + 1, 200);
      exit(0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) return 5;
  }
  pthread_join(t, NULL);
  return 0;
}

int main(int argc, char **argv) {
  const unsigned children = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200;
  alarm(120);
  for (unsigned i = 0; i < SLOTS; i++) {
    inherited[i] = malloc(i * 10 + 16);
    for (unsigned k = 0; k < 16; k++) inherited[i][k] = (unsigned char)(i + k);
  }
  pthread_t worker[WORKERS];
  for (size_t i = 0; i < WORKERS; i++) pthread_create(&worker[i], NULL, work, (void *)i);
  for (unsigned n = 0; n < children; n++) {
    const pid_t pid = fork();
    if (pid < 0) return perror("fork"), 1;
    if (pid == 0) {
      const int result = child(n);
      if (n % 2 == 0) exit(result);
      _exit(result);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) {
      fprintf(stderr, "fork: child %u ended with status 0x%x%s\n", n, status, WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": it hung" : "");
      return 1;
    }
  }
  stop = 1;
  for (unsigned i = 0; i < WORKERS; i++) pthread_join(worker[i], NULL);
  return 0;
}
