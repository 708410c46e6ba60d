/*
 * toggled THREADS [forks|execs]: threads allocate, keep, resize and free blocks of many sizes with known content, until SIGTERM. At SIGUSR1 all of them
 * rest, at SIGUSR2 they go on. It prints "ready" when they work, "rest" when all of them rest. A block whose content is not what was written ends it with 1.
 * At the end, all blocks are freed.
 *
 * forks: a child works, too, and prints its id. execs: at SIGHUP it becomes itself again.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 200 };

static int ends, rests;  /* atomic */
static unsigned resting; /* atomic: how many threads rest */

static void check(const unsigned char *block, size_t size, unsigned char byte) {
  for (size_t i = 0; i < size; i += size / 8 + 1) {
    if (block[i] == byte) continue;
    fprintf(stderr, "a block of %zu bytes has lost its content\n", size);
    _exit(1);
  }
}

static void rest(void) {
  __atomic_fetch_add(&resting, 1, __ATOMIC_RELAXED);
  while (__atomic_load_n(&rests, __ATOMIC_RELAXED) && !__atomic_load_n(&ends, __ATOMIC_RELAXED)) usleep(1000);
  __atomic_fetch_sub(&resting, 1, __ATOMIC_RELAXED);
}

static void *work(void *context) {
  struct {
    unsigned char *block;
    size_t size;
    unsigned char byte;
  } kept[KEPT] = {0};
  unsigned random = (unsigned)(size_t)context * 7919 + 1;
  for (unsigned turn = 0; !__atomic_load_n(&ends, __ATOMIC_RELAXED); turn++) {
    if (turn % 256 == 0) usleep(500); /* other tests need the processor, too */
    if (__atomic_load_n(&rests, __ATOMIC_RELAXED)) rest();
    random = random * 1103515245 + 12345;
    const unsigned k = random / 65536 % KEPT;
    const size_t size = random % 97 == 0 ? 70000 + random % 300000 : 1 + random / 256 % 2000;
    if (kept[k].block != NULL) check(kept[k].block, kept[k].size, kept[k].byte);
    if (random % 5 == 0 && kept[k].block != NULL) {
      free(kept[k].block);
      kept[k].block = NULL;
      continue;
    }
    kept[k].block = realloc(kept[k].block, size);
    if (kept[k].block == NULL) _exit(2);
    kept[k].size = size;
    kept[k].byte = (unsigned char)random;
    memset(kept[k].block, kept[k].byte, size);
  }
  for (unsigned k = 0; k < KEPT; k++) free(kept[k].block);
  return context;
}

int main(int count, char **arguments) {
  const unsigned threads = (unsigned)atoi(arguments[1]);
  pthread_t thread[16];
  sigset_t signals;
  int signal;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  if (count > 2 && strcmp(arguments[2], "forks") == 0) {
    const pid_t child = fork();
    if (child != 0) printf("child %d\n", (int)child), fflush(stdout);
  }
  for (unsigned i = 0; i < threads; i++) {
    if (pthread_create(&thread[i], NULL, work, (void *)(size_t)(i + 1)) != 0) return 3;
  }
  puts("ready");
  fflush(stdout);
  while (sigwait(&signals, &signal) == 0 && signal != SIGTERM) {
    if (signal == SIGHUP) execv("/proc/self/exe", arguments);
    __atomic_store_n(&rests, signal == SIGUSR1, __ATOMIC_RELAXED);
    if (signal != SIGUSR1) continue;
    while (__atomic_load_n(&resting, __ATOMIC_RELAXED) < threads) usleep(1000);
    if (write(STDOUT_FILENO, "rest\n", 5) != 5) return 4;
  }
  __atomic_store_n(&ends, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  return 0;
}
