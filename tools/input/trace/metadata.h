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

/* Who wrote a trace, as its metadata say. */
struct metadata_origin {
  uint32_t pid;              /* 0: unknown, because it is the trace of several processes */
  bool is_flight;            /* it is the flight recorder's */
  char host[128], clock[64]; /* the names of the machine and of its clock; "" if unknown */
};
struct metadata_origin metadata_origin(const char *directory);

#endif
