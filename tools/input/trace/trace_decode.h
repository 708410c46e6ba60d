/*
 * trace_decode.h: reads CTF traces with babeltrace2. It trusts no data, but babeltrace2 does: some damaged traces make it crash, loop or take all
 * memory. So this runs in a process of its own (read_trace.c).
 */
#ifndef HAKMEM_TOOLS_TRACE_DECODE_H
#define HAKMEM_TOOLS_TRACE_DECODE_H

#include "trace_wire.h"

/*
 * Reads the traces in `directories` to their end and puts the events of process `pid` (0: of all) into `out`, which counts each message of
 * babeltrace2. False, with a failure set, if a trace is damaged.
 */
bool trace_decode(char *const *directories, size_t count, uint32_t pid, struct wire *out);

#endif
