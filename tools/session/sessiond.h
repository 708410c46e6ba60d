/*
 * sessiond.h: the LTTng session daemon of a recording: an existing one, unchanged, or a private one that lives as long as the recording.
 *
 * A private daemon has its sockets in a temporary directory, which the program finds through LTTNG_HOME. Root's liblttng-ctl always looks in
 * /var/run/lttng. So for root, this process and the daemon see the temporary directory there, in a mount namespace of their own, and no other
 * process sees the daemon. If the system allows no mount namespace (a container), root's daemon is an ordinary one in /var/run/lttng.
 *
 *   sessiond_plan -> fork the program -> sessiond_start -> ... -> sessiond_stop
 */
#ifndef HAKMEM_TOOLS_SESSIOND_H
#define HAKMEM_TOOLS_SESSIOND_H

#include <stdbool.h>
#include <sys/types.h>

struct sessiond {
  char *home;       /* the temporary directory, NULL if an existing daemon is used */
  pid_t pid;        /* of the private daemon, which leads a process group of its own; 0 if none */
  bool everybodys;  /* the private daemon had to be an ordinary one */
  int rundir;       /* /var/run/lttng, open and locked (shared) while it is mounted upon; else -1 */
  bool made_rundir; /* it did not exist before */
};

/* Chooses the daemon. *home is the program's LTTNG_HOME, or NULL. */
bool sessiond_plan(struct sessiond *d, const char **home);

/* Starts the private daemon, if one was planned, and waits until it is ready. The program must have been forked before. */
bool sessiond_start(struct sessiond *d);

/* Whether no other program can use the daemon. */
bool sessiond_is_private(const struct sessiond *d);

/* Ends the private daemon and removes its files. May be called at any point, and again. */
void sessiond_stop(struct sessiond *d);

#endif
