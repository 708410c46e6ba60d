/*
 * read_trace.h: from LTTng traces to the model. Nothing in a trace is trusted.
 */
#ifndef HAKMEM_TOOLS_READ_TRACE_H
#define HAKMEM_TOOLS_READ_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

enum trace_interrupt {
  INTERRUPT_LEAVES_PART, /* SIGINT ends the reading: what was read until then counts */
  INTERRUPT_ENDS         /* SIGINT ends the program: a part would be compared with a whole */
};

struct trace_wanted {
  uint32_t pid;          /* only this process; 0: all */
  unsigned jobs;         /* processes that read at a time; 0: as many as there are processors */
  unsigned live_seconds; /* how long sessions at a relay are read; 0: LIVE_SECONDS */
  enum trace_interrupt on_interrupt;
};

/*
 * Reads the traces whose metadata lie in `directories`, or which are sessions at a relay (live.h), into `r`. The traces of a process (LTTng's buffers by
 * process) are read by a worker of their own; those of several processes of a host together by one. The result does not depend on `jobs`.
 */
bool read_traces(struct report *r, char *const *directories, size_t count, const struct trace_wanted *wanted);

#endif
