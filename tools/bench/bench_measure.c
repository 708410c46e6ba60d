#include "bench_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#define OUTPUT_MAX (1u << 20)
#define COMPLAINT_MAX 4096
#define PATIENCE_MS 15000 /* from the request to end until SIGKILL: a recording must end its daemon */
#define LOOK_MS 200
#define EXIT_NOT_STARTED 126

static const int asks_to_end[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static sigset_t before;
static int signal_fd = -1, interrupted;

void measure_begin(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (size_t i = 0; i < sizeof(asks_to_end) / sizeof(asks_to_end[0]); i++) sigaddset(&set, asks_to_end[i]);
  sigprocmask(SIG_BLOCK, &set, &before);
  signal(SIGCHLD, SIG_DFL); /* reports ended children, even if this process inherited another setting */
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error like others, after which all is cleaned up */
  signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reads the pending signals. */
static void take_signals(void) {
  struct signalfd_siginfo info;
  while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo != SIGCHLD) interrupted = (int)info.ssi_signo;
  }
}

int measure_interrupted(void) {
  if (signal_fd >= 0) take_signals();
  return interrupted;
}

double measure_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In the child: waits until it may go, then becomes the process. */
static _Noreturn void become(const struct measure *what, int go, int out, int err) {
  char word;
  setpgid(0, 0);
  if (read(go, &word, 1) != 1) _exit(EXIT_NOT_STARTED);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  for (char **variable = what->environment; variable != NULL && *variable != NULL; variable++) putenv(*variable);
  setenv("TMPDIR", what->directory, 1);
  if (what->preload != NULL) setenv("LD_PRELOAD", what->preload, 1);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  execvp(what->argv[0], what->argv);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", what->argv[0], strerror(errno));
  _exit(EXIT_NOT_STARTED);
}

static void take_output(int fd, char *output, size_t *length) {
  char beyond[4096];
  for (;;) {
    const bool room = *length < OUTPUT_MAX;
    const ssize_t got = room ? read(fd, output + *length, OUTPUT_MAX - *length) : read(fd, beyond, sizeof(beyond));
    if (got <= 0) return;
    if (room) *length += (size_t)got;
  }
}

/* Waits for the child's end and reads its output. After an interrupt, ends its whole process group. */
static int wait_for(pid_t child, int fd, char *output, size_t *length, struct rusage *usage) {
  int status = 0;
  double asked = 0;
  struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  while (wait4(child, &status, WNOHANG, usage) != child) {
    poll(fds, 2, asked > 0 ? LOOK_MS : -1);
    if (fds[1].revents & POLLHUP) fds[1].fd = -1; /* it closed its output, but still runs */
    take_output(fd, output, length);
    take_signals();
    if (interrupted != 0 && asked <= 0) {
      kill(-child, SIGTERM);
      asked = measure_now();
    } else if (asked > 0 && measure_now() - asked > PATIENCE_MS / 1e3) {
      kill(-child, SIGKILL);
    }
  }
  if (interrupted != 0) kill(-child, SIGKILL); /* its left processes; no other group can get this number while one of them lives */
  take_output(fd, output, length);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The last line of the process's standard error. */
static char *last_line(int fd) {
  char text[COMPLAINT_MAX + 1];
  const off_t size = lseek(fd, 0, SEEK_END);
  const ssize_t got = size > 0 ? pread(fd, text, COMPLAINT_MAX, size > COMPLAINT_MAX ? size - COMPLAINT_MAX : 0) : 0;
  size_t length = got > 0 ? (size_t)got : 0;
  while (length > 0 && text[length - 1] == '\n') length--;
  text[length] = '\0';
  const char *const line = strrchr(text, '\n');
  return must_copy(line != NULL ? line + 1 : text);
}

static double timeval_seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void measure_child(struct measured *m, const struct measure *what, pid_t child, int go, int out) {
  struct counters counters;
  struct rusage usage = {0};
  size_t length = 0;
  if (what->counters) counters_open(&counters, child, what->kernel);
  m->output = must_allocate(OUTPUT_MAX + 1);
  const double start = measure_now();
  if (write(go, "g", 1) != 1) kill(child, SIGKILL);
  m->exit_code = wait_for(child, out, m->output, &length, &usage);
  m->seconds = measure_now() - start;
  m->output[length] = '\0';
  m->cpu_seconds = timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime);
  m->peak_kib = (double)usage.ru_maxrss;
  m->minor_faults = (double)usage.ru_minflt;
  m->major_faults = (double)usage.ru_majflt;
  if (what->counters) counters_take(&counters, m->count, &m->scaled);
}

bool measure_run(struct measured *m, const struct measure *what) {
  *m = (struct measured){.exit_code = EXIT_NOT_STARTED};
  for (unsigned i = 0; i < COUNTER_COUNT; i++) m->count[i] = NAN;
  int go[2] = {-1, -1}, out[2] = {-1, -1};
  char *const path = must_print("%s/stderr", what->directory);
  const int err = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  free(path);
  bool good = err >= 0 && pipe2(go, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0;
  const pid_t child = good ? fork() : -1;
  if (child == 0) {
    close(go[1]);
    become(what, go[0], out[1], err);
  }
  const int reason = errno;
  if (go[0] >= 0) close(go[0]);
  if (out[1] >= 0) close(out[1]);
  if (child > 0) {
    setpgid(child, child);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    measure_child(m, what, child, go[1], out[0]);
    m->complaint = last_line(err);
    good = interrupted == 0 || fail("interrupted");
  } else {
    good = fail("cannot start %s: %s", what->argv[0], strerror(reason));
  }
  if (go[1] >= 0) close(go[1]);
  if (out[0] >= 0) close(out[0]);
  if (err >= 0) close(err);
  return good;
}

void measure_free(struct measured *m) {
  free(m->output);
  free(m->complaint);
  m->output = m->complaint = NULL;
}
