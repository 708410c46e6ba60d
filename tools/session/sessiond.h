/*
 * sessiond.h: the LTTng session daemon that a recording uses: the one that is already there, untouched, or else a
 * private one that lives as long as the recording.
 *
 * A private daemon has its sockets in a temporary directory, which the program finds through LTTNG_HOME.
 * liblttng-ctl of the root user always looks in /var/run/lttng; so for root, this process and the daemon
 * see the temporary directory there, in a mount namespace of their own, and nobody else sees the daemon. Where a mount
 * namespace may not be made (a container), root's daemon is an ordinary one in /var/run/lttng.
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

/* Finds out which daemon to use. *home is what the program needs as LTTNG_HOME, NULL if nothing. */
bool sessiond_plan(struct sessiond *d, const char **home);

/* Starts the private daemon, if one was planned, and waits until it is ready. The program must have been forked before. */
bool sessiond_start(struct sessiond *d);

/* Whether nobody else can be using the daemon. */
bool sessiond_is_private(const struct sessiond *d);

/* Ends what sessiond_start started and removes what is left of it. May be called at any point, and again. */
void sessiond_stop(struct sessiond *d);

#endif
