/*
 * Children that run no handlers of fork's: by _Fork, by the clone system call, by vfork. Each works long enough for its statistics to be due, and ends. The
 * argument is the parent's statistics file: only the parent writes to it. Exit status 1: a child did.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORK_MS 150 /* longer than the pause between two writings of the file */

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void work(uint64_t ms) {
  static char *blocks[1000];
  for (const uint64_t end = now_ms() + ms; now_ms() < end;) {
    for (int i = 0; i < 1000; i++) blocks[i] = malloc(20 + (size_t)i * 7);
    for (int i = 0; i < 1000; i++) free(blocks[i]);
  }
}

/* FNV-1a of the file's bytes. */
static uint64_t hash_of(const char *path) {
  unsigned char part[4096];
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  const int fd = open(path, O_RDONLY);
  if (fd < 0) exit(2);
  for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;) {
    for (ssize_t i = 0; i < n; i++) hash = (hash ^ part[i]) * UINT64_C(0x100000001b3);
  }
  close(fd);
  return hash;
}

/* A child of vfork shares the parent's stack, and must not return from the function that made it. */
#define MAKE_CHILD(how) ((how) == 0 ? _Fork() : (how) == 1 ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : vfork())

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  work(WORK_MS);
  for (volatile int how = 0; how < 3; how++) {
    for (volatile int end = 0; end < (how == 2 ? 1 : 2); end++) { /* a child of vfork may only call _exit */
      static uint64_t before;
      static volatile pid_t child;
      int status;
      before = hash_of(argv[1]);
      child = MAKE_CHILD(how);
      if (child == 0) {
        work(WORK_MS);
        if (end == 0) _exit(0);
        exit(0);
      }
      if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 2;
      if (hash_of(argv[1]) != before) return 1;
    }
  }
  work(WORK_MS);
  return 0;
}
