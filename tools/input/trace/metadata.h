/*
 * metadata.h: checks a trace's metadata before babeltrace2 reads it. If it is cut off, babeltrace2 would loop for ever.
 * Also tells whose trace it is.
 */
#ifndef HAKMEM_TOOLS_METADATA_H
#define HAKMEM_TOOLS_METADATA_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the metadata in `directory` is text, or whole packets from end to end. */
bool metadata_check(const char *directory);

/* The process that wrote the trace in `directory`, as the environment in its metadata says; 0: it does not, because it is the trace of several. */
uint32_t metadata_process(const char *directory);

/* Whether the trace is one of the flight recorder. */
bool metadata_is_flight(const char *directory);

#endif
