/*
 * trace_part.h: the model of one reader, as bytes. A worker (worker.h) writes them to a pipe when it has read its part of a trace, or when it crashes; the
 * reader of the pipe adds them to its own model. Both are this program, so structures are written as they are.
 *
 *   part:     magic  ended  events  start  end  losses  reason (text)     then the histograms, then the processes
 *   text, arrays: their length, then their elements
 */
#ifndef HAKMEM_TOOLS_TRACE_PART_H
#define HAKMEM_TOOLS_TRACE_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "trace_model.h"

/*
 * Writes all of `t`. `why`: why the trace was not read to its end; NULL if it was. Only write(2) is called and nothing is allocated, so a handler of a
 * signal may call it.
 */
void trace_part_write(int fd, const struct trace_model *t, const char *why);

/* Adds a part to `t`. *why: as above, to be freed by the caller; "" if the writer did not know. False if the bytes are no whole part. */
bool trace_part_take(struct trace_model *t, const unsigned char *bytes, size_t size, char **why);

#endif
