/*
 * flight.h: the flight recorder: a sink that keeps the newest slow-path events in a trace on disk, with no daemon. HAKMEM_FLIGHT_FILE names it.
 *
 * The trace is in the Common Trace Format 1.8, with the names and fields of the LTTng provider. It can be read at any moment, also after SIGKILL.
 */
#ifndef HAKMEM_FLIGHT_H
#define HAKMEM_FLIGHT_H

#include "base/sink.h"
#include "flight_metadata.h"
#include "flight_packets.h"

/* It must get only events that FLIGHT_KEEPS, and only while flight_is_on. It allocates nothing, and is signal safe. */
extern const struct hak_event_sink flight_sink;

/* After the options are read. */
void flight_start(void);
/* Writes what waits in memory: at the end of the process. */
void flight_end(void);
/* A forked child begins a trace of its own with its first event. */
void flight_fork_child(void);

#endif
