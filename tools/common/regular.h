/*
 * regular.h: files from outside, opened for reading, and files that -o names.
 */
#ifndef HAKMEM_TOOLS_REGULAR_H
#define HAKMEM_TOOLS_REGULAR_H

#include <stdbool.h>

/* Opens a regular file for reading; anything else (a FIFO would hang) is a failure. Returns the descriptor, or -1. */
int regular_open(const char *path);

/* False, with a failure set, if `path` is a regular file that holds something: only --force replaces it. Devices and pipes are written to. */
bool regular_may_replace(const char *path, bool force);

#endif
