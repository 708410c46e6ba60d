/*
 * thread_stacks THREADS: each thread writes to 2 MiB of its stack. Then all rest, and the program prints "ready". At SIGTERM main returns.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t touched;

static void *touch(void *unused) {
  volatile char bytes[2 << 20];
  for (size_t i = 0; i < sizeof bytes; i += 1024) bytes[i] = 1;
  pthread_barrier_wait(&touched);
  pause();
  return unused;
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 8;
  sigset_t term;
  int number;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, NULL);
  pthread_barrier_init(&touched, NULL, (unsigned)threads + 1);
  for (int i = 0; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, touch, NULL) != 0) return 1;
  }
  pthread_barrier_wait(&touched);
  puts("ready");
  fflush(stdout);
  sigwait(&term, &number);
  return 0;
}
