/*
 * session.h: one LTTng recording session for the events of this library, in user space only.
 */
#ifndef HAKMEM_TOOLS_SESSION_H
#define HAKMEM_TOOLS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct lttng_handle;

struct session_settings {
  bool full; /* every allocation, not only what happens on the slow paths */
  uint64_t buffer_size, buffer_count; /* for each CPU and user; powers of two; bytes, and number */
};

struct session {
  char *name; /* NULL if there is none */
  struct lttng_handle *handle;
};

/* Creates the session, with its trace to go to directory `output` (absolute), and starts it. */
bool session_start(struct session *s, const char *output, const struct session_settings *settings);

/* Stops it and waits until the trace is whole. What was lost for want of room is counted in the trace itself. */
bool session_stop(struct session *s);

/* Removes the session, if there still is one, from the daemon; the trace stays. */
void session_fini(struct session *s);

/* Sessions that the daemon has, of anybody. */
int session_count(void);

#endif
