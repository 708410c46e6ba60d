/*
 * regular.h: files from outside, opened for reading.
 */
#ifndef HAKMEM_TOOLS_REGULAR_H
#define HAKMEM_TOOLS_REGULAR_H

/* Opens a regular file for reading; anything else (a FIFO would hang) is a failure. Returns the descriptor, or -1. */
int regular_open(const char *path);

#endif
