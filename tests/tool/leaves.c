/*
 * leaves HOW: allocates 100,000 blocks of 100 bytes, frees 50,000 of them, and calls _exit.
 *
 *   alone    in one thread
 *   signal   the same, and _exit is called by the handler of a signal
 *   both     the same, and two threads call _exit at once
 *   threads  four threads, which rest by then, did a quarter each
 *   child    a forked child did it, and the parent ends in order
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 100000

static pthread_barrier_t done;

static void work(unsigned blocks) {
  void **kept = mmap(NULL, blocks * sizeof(*kept), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned i = 0; i < blocks; i++) kept[i] = memset(malloc(100), 1, 100);
  for (unsigned i = 0; i < blocks; i += 2) free(kept[i]);
}

static void leave(int signal) { _exit(signal != 0 ? 0 : 3); }

static void *quarter(void *unused) {
  work(BLOCKS / 4);
  pthread_barrier_wait(&done);
  pause();
  return unused;
}

static void *leave_together(void *unused) {
  pthread_barrier_wait(&done);
  _exit(0);
  return unused;
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "";
  if (strcmp(how, "threads") == 0) {
    pthread_barrier_init(&done, NULL, 5);
    for (int i = 0; i < 4; i++) {
      pthread_t thread;
      if (pthread_create(&thread, NULL, quarter, NULL) != 0) return 1;
    }
    pthread_barrier_wait(&done);
    _exit(0);
  }
  if (strcmp(how, "child") == 0) {
    int status;
    if (fork() != 0) return wait(&status) < 0 || status != 0;
  }
  work(BLOCKS);
  if (strcmp(how, "signal") == 0) {
    signal(SIGUSR1, leave);
    raise(SIGUSR1);
  }
  if (strcmp(how, "both") == 0) {
    pthread_t thread;
    pthread_barrier_init(&done, NULL, 2);
    if (pthread_create(&thread, NULL, leave_together, NULL) != 0) return 1;
    pthread_barrier_wait(&done);
  }
  _exit(0);
}
