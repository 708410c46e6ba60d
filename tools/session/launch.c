#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#define EXIT_NOT_FOUND 127
#define EXIT_NOT_STARTED 126

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};
static const int asks_to_end[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void launch_init(struct launch *l, char **argv) { *l = (struct launch){.argv = argv, .go_fd = -1, .error_fd = -1}; }

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void launch_fini(struct launch *l) {
  launch_cancel(l);
  for (size_t i = 0; i < l->variable_count; i++) {
    free(l->variables[i].name);
    free(l->variables[i].value);
  }
  free(l->variables);
  free(l->preload);
  l->variables = NULL;
  l->preload = NULL;
}

void launch_preload(struct launch *l, const char *library) {
  char *const longer = l->preload != NULL ? must_print("%s:%s", l->preload, library) : must_copy(library);
  free(l->preload);
  l->preload = longer;
}

void launch_set(struct launch *l, const char *name, const char *value) {
  l->variables = must_grow(l->variables, l->variable_count, &l->variable_capacity, sizeof(*l->variables));
  l->variables[l->variable_count++] = (struct launch_variable){must_copy(name), value != NULL ? must_copy(value) : NULL};
}

const char *launch_get(const struct launch *l, const char *name) {
  for (size_t i = l->variable_count; i > 0; i--) {
    if (strcmp(l->variables[i - 1].name, name) == 0) return l->variables[i - 1].value;
  }
  return getenv(name);
}

void launch_set_default(struct launch *l, const char *name, const char *value) {
  if (launch_get(l, name) == NULL) launch_set(l, name, value);
}

static void set_variable(const struct launch_variable *v) {
  if (v->value != NULL) {
    setenv(v->name, v->value, 1);
  } else {
    unsetenv(v->name);
  }
}

/* In the child: waits for launch_go, then becomes the program. Never returns. */
static _Noreturn void become_program(const struct launch *l, int go_fd, int error_fd) {
  char word;
  ssize_t got;
  do got = read(go_fd, &word, 1);
  while (got < 0 && errno == EINTR);
  if (got != 1) _exit(EXIT_NOT_STARTED);
  for (size_t i = 0; i < l->variable_count; i++) set_variable(&l->variables[i]);
  const char *const old = getenv("LD_PRELOAD");
  if (l->preload != NULL) {
    setenv("LD_PRELOAD", old != NULL && *old != '\0' ? must_print("%s:%s", l->preload, old) : l->preload, 1);
  }
  sigaction(SIGCHLD, &l->child_action, NULL);
  sigaction(SIGXFSZ, &l->size_action, NULL);
  sigprocmask(SIG_SETMASK, &l->mask, NULL);
  execvp(l->argv[0], l->argv);
  const int error = errno;
  if (write(error_fd, &error, sizeof(error)) < 0) _exit(EXIT_NOT_STARTED);
  _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED);
}

/*
 * Blocks the signals that are passed on, and has ended children reported even if this process inherited another setting. A limit on file sizes must
 * not end this process before its program: it becomes an error that is reported.
 */
static void hold_signals(struct launch *l) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (size_t i = 0; i < COUNT(passed_on); i++) sigaddset(&set, passed_on[i]);
  sigprocmask(SIG_BLOCK, &set, &l->mask);
  const struct sigaction standard = {.sa_handler = SIG_DFL};
  sigaction(SIGCHLD, &standard, &l->child_action);
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGXFSZ, &ignore, &l->size_action);
  l->holds = true;
}

void launch_release(struct launch *l) {
  if (l->holds) sigprocmask(SIG_SETMASK, &l->mask, NULL);
  l->holds = false;
}

bool launch_fork(struct launch *l) {
  int go[2], error[2];
  if (pipe2(go, O_CLOEXEC) != 0) return fail("cannot make a pipe: %s", strerror(errno));
  if (pipe2(error, O_CLOEXEC) != 0) {
    close(go[0]);
    close(go[1]);
    return fail("cannot make a pipe: %s", strerror(errno));
  }
  hold_signals(l);
  l->pid = fork();
  if (l->pid == 0) {
    close(go[1]); /* so that the child sees the parent's end */
    close(error[0]);
    become_program(l, go[0], error[1]);
  }
  const int reason = errno;
  close(go[0]);
  close(error[1]);
  l->go_fd = go[1];
  l->error_fd = error[0];
  if (l->pid > 0) return true;
  l->pid = 0;
  launch_cancel(l);
  return fail("cannot start a process: %s", strerror(reason));
}

static int reap(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return EXIT_NOT_STARTED;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool launch_go(struct launch *l, int *exit_code) {
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  struct sigaction before;
  sigaction(SIGPIPE, &ignore, &before);
  const bool told = write(l->go_fd, "g", 1) == 1;
  sigaction(SIGPIPE, &before, NULL);
  close_fd(&l->go_fd);
  int error = told ? 0 : ECHILD;
  ssize_t got;
  do got = read(l->error_fd, &error, sizeof(error));
  while (got < 0 && errno == EINTR);
  close_fd(&l->error_fd);
  if (told && got == 0) return true;
  reap(l->pid);
  l->pid = 0;
  *exit_code = error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED;
  return fail("cannot start %s: %s", l->argv[0], strerror(error));
}

int launch_interrupted(void) {
  sigset_t pending;
  sigpending(&pending);
  for (size_t i = 0; i < COUNT(asks_to_end); i++) {
    if (sigismember(&pending, asks_to_end[i]) == 1) return asks_to_end[i];
  }
  return 0;
}

int launch_wait(struct launch *l, uint64_t (*look)(void *context), void *context) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (size_t i = 0; i < COUNT(passed_on); i++) sigaddset(&set, passed_on[i]);
  for (;;) {
    int status;
    struct rusage usage;
    const pid_t ended = wait4(l->pid, &status, WNOHANG, &usage);
    if (ended == l->pid) {
      struct timespec now;
      clock_gettime(CLOCK_REALTIME, &now);
      l->end_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
      l->rss_max = (uint64_t)usage.ru_maxrss * 1024;
      l->ended = ended;
      l->status = status;
      l->pid = 0;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    siginfo_t info;
    const struct timespec pause = {.tv_nsec = (long)look(context)};
    const int signal_number = sigtimedwait(&set, &info, &pause);
    /* The program gets the terminal's signals itself: both are in one process group. */
    if (signal_number > 0 && signal_number != SIGCHLD && info.si_code != SI_KERNEL) kill(l->pid, signal_number);
  }
}

void launch_cancel(struct launch *l) {
  close_fd(&l->go_fd);
  close_fd(&l->error_fd);
  if (l->pid > 0) reap(l->pid);
  l->pid = 0;
}
