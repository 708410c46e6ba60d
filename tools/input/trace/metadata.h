/*
 * metadata.h: checks a trace's metadata before babeltrace2 reads it. If it is cut off, babeltrace2 would loop for ever.
 */
#ifndef HAKMEM_TOOLS_METADATA_H
#define HAKMEM_TOOLS_METADATA_H

#include <stdbool.h>

/* Whether the metadata in `directory` is text, or whole packets from end to end. */
bool metadata_check(const char *directory);

#endif
