/*
 * trace_decode.h: reads CTF traces with babeltrace2. It trusts no data, but babeltrace2 does: some damaged traces make it crash, loop or take all
 * memory. So this runs in a process of its own (worker.h).
 */
#ifndef HAKMEM_TOOLS_TRACE_DECODE_H
#define HAKMEM_TOOLS_TRACE_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "input/trace/sum/trace_model.h"

/* How far a reader has come, in memory that it shares with the one who waits for it. */
struct trace_progress {
  volatile uint64_t messages, packets; /* of babeltrace2; packets that were begun */
  volatile uint64_t events;
  volatile bool stop;             /* set from outside: end now */
  volatile unsigned asked, given; /* from outside: parts that are wanted before the end; from the reader: the last one that it gave */
};

/* Hands the model over, as it is now. */
typedef void trace_give(const struct trace_model *model);

/*
 * Reads the traces in `directories` to their end, and adds the events of process `pid` (0: of all) to `model`. Between two messages it calls `give` if a part
 * was asked for. False, with a failure set, if a trace is damaged or the reading was stopped.
 */
bool trace_decode(char *const *directories, size_t count, uint32_t pid, struct trace_model *model, struct trace_progress *progress, trace_give *give);
#define TRACE_STOPPED "it was interrupted"

#endif
