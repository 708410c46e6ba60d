/*
 * launch.h: one program, started with libraries preloaded and with options in its environment.
 *
 *   launch_init -> preload / set / set_default ... -> fork -> go -> wait -> (fini)
 *                                                     \-> cancel
 *
 * Between fork and go the child waits. So the session can be set up after the child has inherited this process's state, unchanged. From fork to
 * fini, the signals that are passed on are blocked in this process. They stay pending for launch_interrupted and launch_wait.
 */
#ifndef HAKMEM_TOOLS_LAUNCH_H
#define HAKMEM_TOOLS_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct launch_variable {
  char *name, *value;
}; /* value NULL: to be removed */

struct launch {
  char **argv;
  char *preload; /* the value of LD_PRELOAD */
  struct launch_variable *variables;
  size_t variable_count, variable_capacity;
  pid_t pid;   /* 0 if there is no child */
  pid_t ended; /* the child's process id after its end; its status from wait4, */
  int status;
  uint64_t end_ns, rss_max;                   /* its realtime, and the most bytes that were resident, of the child or of a child for which it waited */
  int go_fd;                                  /* one byte lets the child run; closing it ends the child */
  int error_fd;                               /* the child's errno if exec failed, else end of file */
  bool holds;                                 /* signals are blocked */
  sigset_t mask;                              /* the mask before */
  struct sigaction child_action, size_action; /* of SIGCHLD and SIGXFSZ, before */
};

/* `argv` ends with NULL and must live as long as the launch. */
void launch_init(struct launch *l, char **argv);
void launch_fini(struct launch *l);

/* Puts `library` behind the ones preloaded so far. All of them come before those of an inherited LD_PRELOAD. */
void launch_preload(struct launch *l, const char *library);

/* A variable of the program's environment, NULL if it is not set. */
const char *launch_get(const struct launch *l, const char *name);

/* Sets a variable, or removes it if the value is NULL; set_default only if it is not set yet. */
void launch_set(struct launch *l, const char *name, const char *value);
void launch_set_default(struct launch *l, const char *name, const char *value);

bool launch_fork(struct launch *l);

/* Lets the child run its program. False, with *exit_code 127 (not found) or 126, if it could not be started. */
bool launch_go(struct launch *l, int *exit_code);

/* The number of a pending signal that asks this process to end, or 0. The signal stays pending. */
int launch_interrupted(void);

/*
 * Waits for the program's end, passing signals on to it. Returns its exit code, or 128 + the signal that ended it. Meanwhile calls look(context),
 * which returns the nanoseconds (fewer than 10^9) until its next call.
 */
int launch_wait(struct launch *l, uint64_t (*look)(void *context), void *context);

/* Lets signals act on this process again, once they can no longer leave anything behind. */
void launch_release(struct launch *l);

/* Ends a child that waits between fork and go. */
void launch_cancel(struct launch *l);

#endif
