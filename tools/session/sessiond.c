#include "sessiond.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "launch.h"
#include "common/memory.h"
#include "session.h"
#include "common/workdir.h"

#define DAEMON "lttng-sessiond"
#define RUNDIR "/var/run/lttng"                      /* root's liblttng-ctl looks for the daemon here */
#define APPLICATION_SOCKET ".lttng/lttng-ust-sock-8" /* a traced program looks here, below LTTNG_HOME */
#define READY_SECONDS 20
#define END_SECONDS 20
#define POLL_NS 10000000
#define NETWORK_TIMEOUT_MS "5000"

static void pause_briefly(void) { nanosleep(&(const struct timespec){.tv_nsec = POLL_NS}, NULL); }

bool sessiond_plan(struct sessiond *d, const char **home) {
  *d = (struct sessiond){.rundir = -1};
  *home = NULL;
  if (session_daemon_runs()) return true;
  d->home = workdir_temporary();
  if (d->home == NULL) return false;
  /* The sockets' own modes restrict who may connect; a program that drops root must be able to reach them. */
  chmod(d->home, 0711);
  if (getuid() != 0) setenv("LTTNG_HOME", d->home, 1);
  *home = d->home;
  return true;
}

/* Makes sure that the directory to mount on exists and stays. A recording that created it removes it only when no other recording holds the lock. */
static bool hold_rundir(struct sessiond *d) {
  for (int attempt = 0; attempt < 10; attempt++) {
    if (mkdir(RUNDIR, 0755) == 0) d->made_rundir = true;
    d->rundir = open(RUNDIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat held, named;
    if (d->rundir < 0) continue;
    if (flock(d->rundir, LOCK_SH) == 0 && fstat(d->rundir, &held) == 0 && stat(RUNDIR, &named) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev) {
      return true;
    }
    close(d->rundir);
    d->rundir = -1;
  }
  return false;
}

static void release_rundir(struct sessiond *d) {
  if (d->rundir < 0) return;
  umount2(RUNDIR, MNT_DETACH);
  if (d->made_rundir && flock(d->rundir, LOCK_EX | LOCK_NB) == 0) rmdir(RUNDIR);
  close(d->rundir);
  d->rundir = -1;
}

/* Gives this process, and the daemon after it, a RUNDIR of its own. False if the system refuses. */
static bool enter_private_rundir(struct sessiond *d) {
  if (!hold_rundir(d)) return false;
  char *const directory = workdir_sub(d->home, "run");
  const bool entered = directory != NULL && unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                       mount(directory, RUNDIR, NULL, MS_BIND, NULL) == 0;
  free(directory);
  if (!entered) {
    close(d->rundir);
    d->rundir = -1;
    if (d->made_rundir) rmdir(RUNDIR);
  }
  return entered;
}

/* In the child: becomes the daemon, with its output in `log`. */
static _Noreturn void become_daemon(const struct sessiond *d, const char *log, pid_t parent) {
  setsid(); /* the terminal's signals are for the program */
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  const int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) {
    _exit(1);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  char *const load = must_print("--load=%s/none", d->home);
  char *const socket = must_print("--apps-sock=%s/" APPLICATION_SOCKET, d->home);
  mkdir(load + strlen("--load="), 0700);                         /* an empty folder: no saved sessions are loaded */
  setenv("LTTNG_NETWORK_SOCKET_TIMEOUT", NETWORK_TIMEOUT_MS, 0); /* else it waits for ever for a relay that is cut off */
  const bool own_socket = getuid() == 0 && !d->everybodys;
  if (own_socket) {
    char *const directory = must_print("%s/.lttng", d->home);
    if (mkdir(directory, 0711) != 0) _exit(1);
  }
  execlp(DAEMON, DAEMON, "--no-kernel", "--sig-parent", load, own_socket ? socket : NULL, NULL);
  dprintf(STDERR_FILENO, "cannot start " DAEMON ": %s; install the package lttng-tools\n", strerror(errno));
  _exit(1);
}

/* The last line that the daemon wrote; the caller frees it. */
static char *last_line(const char *log) {
  FILE *const file = fopen(log, "re");
  char *line = NULL, *last = NULL;
  size_t size = 0;
  while (file != NULL && getline(&line, &size, file) > 0) {
    line[strcspn(line, "\n")] = '\0';
    if (*line == '\0') continue;
    free(last);
    last = must_copy(line);
  }
  free(line);
  if (file != NULL) fclose(file);
  return last != NULL ? last : must_copy("it said nothing");
}

/* Waits for the daemon's signal that it accepts clients and programs. */
static bool wait_until_ready(struct sessiond *d, const char *log) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  const time_t end = time(NULL) + READY_SECONDS;
  while (time(NULL) <= end) {
    siginfo_t info;
    const struct timespec briefly = {.tv_nsec = POLL_NS};
    if (sigtimedwait(&set, &info, &briefly) == SIGUSR1 && info.si_pid == d->pid) return true;
    if (launch_interrupted() != 0) return fail("interrupted before the program was started");
    if (waitpid(d->pid, NULL, WNOHANG) == d->pid) {
      d->pid = 0;
      char *const reason = last_line(log);
      fail("there is no LTTng session daemon, and a private one ended at once: %s", reason);
      free(reason);
      return false;
    }
  }
  return fail("the private " DAEMON " was not ready within %d s", READY_SECONDS);
}

bool sessiond_start(struct sessiond *d) {
  if (d->home == NULL) return true;
  if (getuid() == 0) d->everybodys = !enter_private_rundir(d);
  char *const log = must_print("%s/log", d->home);
  const pid_t parent = getpid();
  d->pid = fork();
  if (d->pid == 0) become_daemon(d, log, parent);
  const bool started = d->pid > 0 ? wait_until_ready(d, log) : fail("cannot start a process: %s", strerror(errno));
  if (d->pid < 0) d->pid = 0;
  free(log);
  return started;
}

bool sessiond_is_private(const struct sessiond *d) { return d->pid > 0 && !d->everybodys; }

/* Waits for the daemon and the rest of its process group; false if they take too long. */
static bool wait_until_ended(pid_t pid) {
  bool daemon_ended = false;
  const time_t end = time(NULL) + END_SECONDS;
  while (time(NULL) <= end) {
    daemon_ended = daemon_ended || waitpid(pid, NULL, WNOHANG) == pid;
    if (daemon_ended && kill(-pid, 0) != 0) return true;
    pause_briefly();
  }
  return false;
}

void sessiond_stop(struct sessiond *d) {
  if (d->pid > 0) {
    kill(d->pid, SIGTERM);
    if (!wait_until_ended(d->pid)) {
      kill(-d->pid, SIGKILL);
      wait_until_ended(d->pid);
    }
    d->pid = 0;
  }
  release_rundir(d);
  if (d->home != NULL) workdir_remove(d->home);
  free(d->home);
  d->home = NULL;
}
