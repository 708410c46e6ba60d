/*
 * read_trace.h: from LTTng traces to the model. Nothing in a trace is trusted.
 */
#ifndef HAKMEM_TOOLS_READ_TRACE_H
#define HAKMEM_TOOLS_READ_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

/*
 * Reads the traces whose metadata lie in `directories` into `r`: only process `pid`, or all if it is 0. The traces of a process (LTTng's buffers by process)
 * are read by a worker of their own, `jobs` at a time (0: as many as there are processors); those of several processes together by one. The result does not
 * depend on `jobs`.
 */
enum trace_interrupt {
  INTERRUPT_LEAVES_PART, /* SIGINT ends the reading: what was read until then counts */
  INTERRUPT_ENDS         /* SIGINT ends the program: a part would be compared with a whole */
};
bool read_traces(struct report *r, char *const *directories, size_t count, uint32_t pid, unsigned jobs, enum trace_interrupt on_interrupt);

#endif
