#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "progress.h"

static int true_stderr = -1; /* standard error, while it is silenced */

void sandbox_alive(void) {
  const struct itimerval span = {.it_value = {.tv_sec = SANDBOX_SECONDS}};
  setitimer(ITIMER_PROF, &span, NULL); /* SIGPROF ends the child */
}

void sandbox_silence(void) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  true_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (true_stderr >= 0) {
    progress_use(true_stderr);
    dup2(nowhere, STDERR_FILENO);
  }
  close(nowhere);
}

void sandbox_unsilence(void) {
  if (true_stderr < 0) return;
  dup2(true_stderr, STDERR_FILENO);
  progress_use(STDERR_FILENO);
  close(true_stderr);
  true_stderr = -1;
}

static void be_mortal(pid_t parent) {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILED);
  signal(SIGPROF, SIG_DFL);
  sandbox_alive();
}

static volatile pid_t interrupted_child;

/* The terminal interrupts both processes, but kill(1) only the one that it is given. */
static void hand_on(int number, siginfo_t *info, void *context) {
  (void)context;
  if (info->si_code <= 0) kill(interrupted_child, number);
}

int sandbox_run(int (*work)(void *context), void *context) {
  struct sigaction interrupt;
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    be_mortal(parent);
    _exit(work(context));
  }
  sigaction(SIGINT, NULL, &interrupt);
  /* The child says what becomes of an interrupt: a report goes on with what it has. A caller with a handler knows better. */
  if (child > 0 && interrupt.sa_handler == SIG_DFL) {
    interrupted_child = child;
    sigaction(SIGINT, &(struct sigaction){.sa_sigaction = hand_on, .sa_flags = SA_SIGINFO}, NULL);
  }
  int status;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (child < 0) {
    say("cannot start a process: %s", strerror(errno));
    return EXIT_FAILED;
  }
  sigaction(SIGINT, &interrupt, NULL);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal_number = WTERMSIG(status);
  if (signal_number == SIGINT) raise(SIGINT);
  if (signal_number == SIGPROF) {
    say("the data are damaged: reading them did not end");
  } else if (signal_number == SIGPIPE) {
    return 128 + SIGPIPE; /* the reader is gone: as usual in a pipe */
  } else {
    say("the data are damaged: reading them failed (%s)", strsignal(signal_number));
  }
  return EXIT_FAILED;
}
