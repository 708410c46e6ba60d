/*
 * rests THREADS BLOCKS SIZE [closed|works]: each thread allocates BLOCKS blocks and frees every second one; then all rest, and it prints "ready". At SIGTERM it
 * ends in order. `closed`: other processes of the same user cannot read its memory. `works`: the threads do not rest, but allocate and free.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static size_t blocks, size;
static bool works;
static pthread_barrier_t done;

static void *work(void *unused) {
  void **kept = mmap(NULL, blocks * sizeof(*kept), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < blocks; i++) kept[i] = memset(malloc(size), 1, size);
  for (size_t i = 0; i < blocks; i += 2) free(kept[i]);
  pthread_barrier_wait(&done);
  while (works) free(malloc(size));
  pause();
  return unused;
}

int main(int count, char **arguments) {
  const unsigned threads = (unsigned)atoi(arguments[1]);
  blocks = (size_t)atol(arguments[2]);
  size = (size_t)atol(arguments[3]);
  works = count > 4 && strcmp(arguments[4], "works") == 0;
  sigset_t ends;
  int signal;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  pthread_barrier_init(&done, NULL, threads + 1);
  for (unsigned i = 0; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  }
  pthread_barrier_wait(&done);
  if (count > 4 && strcmp(arguments[4], "closed") == 0) prctl(PR_SET_DUMPABLE, 0);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) return 1;
  return sigwait(&ends, &signal);
}
