/*
 * leaves HOW: allocates 100,000 blocks of 100 bytes, frees 50,000 of them, and calls _exit.
 *
 *   alone    in one thread
 *   signal   the same, and _exit is called by the handler of a signal
 *   both     the same, and two threads call _exit at once
 *   many     a thousand threads, which rest by then, allocate 20 blocks each, and two others call _exit at once
 *   end      the same, and one of the two returns from main instead
 *   threads  four threads, which rest by then, did a quarter each
 *   child    a forked child did it, and the parent ends in order
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
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

/* Their lists are read by a thread that has none of them in its caches, so that another one has time to end the process before. */
#define MANY 1000
#define FLUSHED (32 << 20)

static volatile bool now;

static void *little(void *unused) {
  for (int i = 0; i < 20; i++) memset(malloc(100), 1, 100);
  pthread_barrier_wait(&done);
  pause();
  return unused;
}

static void *leave_now(void *unused) {
  while (!now) continue;
  _exit(0);
  return unused;
}

static int leave_many(bool by_exit) {
  pthread_t thread;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  pthread_barrier_init(&done, NULL, MANY + 1);
  for (int i = 0; i < MANY; i++) {
    if (pthread_create(&thread, &small, little, NULL) != 0) return 1;
  }
  pthread_barrier_wait(&done);
  if (pthread_create(&thread, NULL, leave_now, NULL) != 0) return 1;
  memset(mmap(NULL, FLUSHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, FLUSHED);
  now = true;
  if (!by_exit) _exit(0);
  return 0;
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "";
  if (strcmp(how, "many") == 0 || strcmp(how, "end") == 0) return leave_many(*how == 'e');
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
