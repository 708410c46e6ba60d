/*
 * session.h: one LTTng recording session for this library's events, in user space only. By liblttng-ctl, so this is a part of the program that may
 * be missing (doors/doors.c).
 */
#ifndef HAKMEM_TOOLS_SESSION_H
#define HAKMEM_TOOLS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct lttng_handle;

struct session_settings {
  bool full;                          /* every allocation, not only the slow paths */
  bool shared;                        /* all processes of a user share their buffers; else each process has its own */
  uint64_t buffer_size, buffer_count; /* for each CPU, and each process or user; powers of two; bytes, and number */
  const char *relay;                  /* the URL of an lttng-relayd that the trace is sent to; NULL: it is written to a directory */
};

struct session {
  char *name; /* NULL if there is none */
  struct lttng_handle *handle;
};

/* Creates the session, with its trace to go to directory `output` (absolute) or to settings->relay, and starts it. */
bool session_start(struct session *s, const char *output, const struct session_settings *settings);

/*
 * Stops the session and waits until the trace is complete. The trace itself counts the events that found no room. With `goes_on` (of a session that is
 * sent to a relay; else NULL), it waits only while that returns true, and at most a minute.
 */
bool session_stop(struct session *s, bool (*goes_on)(const void *context), const void *context);

/* Removes the session, if there still is one, from the daemon; the trace stays. */
void session_fini(struct session *s);

/* The number of the daemon's sessions, of all users. */
int session_count(void);

/* Whether there is a daemon that this process can use. */
bool session_daemon_runs(void);

#endif
