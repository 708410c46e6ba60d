/*
 * output.h: files that -o names.
 */
#ifndef HAKMEM_TOOLS_OUTPUT_H
#define HAKMEM_TOOLS_OUTPUT_H

#include <stdbool.h>

/* False, with a failure set, if `path` is a regular file that holds something: only --force replaces it. Devices and pipes are written to. */
bool output_is_free(const char *path, bool force);

#endif
