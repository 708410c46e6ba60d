/*
 * child.c: bench_child: runs one command and writes its times and its memory. It gives its environment's BENCH_PRELOAD (a library's path, or empty)
 * to the command as LD_PRELOAD, and to no other program.
 *
 *   bench_child FILE COMMAND [ARGUMENT...]
 *
 * FILE gets one line: seconds, seconds of processor time, peak KiB resident of it or of any process that it waited for, and cycles in user space
 * and kernel (of its children, too; -1 if they cannot be counted). The exit code is the command's, 128 + its signal, 2 for bad usage, 126 if it
 * cannot be started.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static pid_t child;

/* A signal to end this process ends the command; the line is written all the same. */
static void pass_on(int signal) { kill(child, signal); }

static double timeval_seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

/* Counts from the command's start on; -1 if the counter is unavailable. */
static int count_cycles(pid_t pid) {
  struct perf_event_attr attributes = {.size = sizeof(attributes),
                                       .type = PERF_TYPE_HARDWARE,
                                       .config = PERF_COUNT_HW_CPU_CYCLES,
                                       .disabled = 1,
                                       .enable_on_exec = 1,
                                       .inherit = 1,
                                       .exclude_hv = 1,
                                       .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
  return (int)syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static double cycles_of(int counter) {
  struct {
    uint64_t value, enabled, running;
  } r;
  if (counter < 0 || read(counter, &r, sizeof(r)) != sizeof(r) || r.running == 0) return -1;
  return (double)r.value * ((double)r.enabled / (double)r.running);
}

static void start(char **command, int go) {
  char word;
  if (read(go, &word, 1) != 1) _exit(126); /* waits until the counter is open */
  const char *preload = getenv("BENCH_PRELOAD");
  if (preload != NULL && *preload != '\0') setenv("LD_PRELOAD", preload, 1);
  unsetenv("BENCH_PRELOAD");
  execvp(command[0], command);
  fprintf(stderr, "bench_child: cannot start %s: %s\n", command[0], strerror(errno));
  _exit(126);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: bench_child FILE COMMAND [ARGUMENT...]\n");
    return 2;
  }
  FILE *const out = fopen(argv[1], "we");
  if (out == NULL) {
    fprintf(stderr, "bench_child: cannot write %s: %s\n", argv[1], strerror(errno));
    return 2;
  }
  int go[2];
  child = pipe2(go, O_CLOEXEC) == 0 ? fork() : -1;
  if (child == 0) start(argv + 2, go[0]);
  if (child < 0) {
    fprintf(stderr, "bench_child: cannot start a process: %s\n", strerror(errno));
    return 126;
  }
  signal(SIGTERM, pass_on);
  signal(SIGINT, pass_on);
  const int counter = count_cycles(child);
  const double began = clock_seconds(CLOCK_MONOTONIC);
  if (write(go[1], "g", 1) != 1) kill(child, SIGKILL);
  int status;
  struct rusage usage;
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {}
  fprintf(out, "%.6f %.6f %ld %.0f\n", clock_seconds(CLOCK_MONOTONIC) - began, timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime),
          usage.ru_maxrss, cycles_of(counter));
  if (fclose(out) != 0) {
    fprintf(stderr, "bench_child: cannot write %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
