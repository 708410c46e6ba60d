/*
 * read_trace.h: from LTTng traces to the model. Nothing in a trace is trusted.
 */
#ifndef HAKMEM_TOOLS_READ_TRACE_H
#define HAKMEM_TOOLS_READ_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

/* Reads the traces whose metadata lie in `directories`, in one order of time, into `r`: only process `pid`, or all if it is 0. */
bool read_traces(struct report *r, char *const *directories, size_t count, uint32_t pid);

#endif
