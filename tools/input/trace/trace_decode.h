/*
 * trace_decode.h: reads CTF traces with babeltrace2 and tells what is in them. It trusts nothing that it reads, but babeltrace2 does: on some damaged
 * traces it crashes, runs for ever or takes all memory, so this is for a process of its own (read_trace.c).
 */
#ifndef HAKMEM_TOOLS_TRACE_DECODE_H
#define HAKMEM_TOOLS_TRACE_DECODE_H

#include "trace_wire.h"

/*
 * Reads the traces in `directories` to their end and puts the events of process `pid` (0: of all) into `out`, where each message that
 * babeltrace2 gives is counted. False, with a failure set, if a trace is not sound.
 */
bool trace_decode(char *const *directories, size_t count, uint32_t pid, struct wire *out);

#endif
