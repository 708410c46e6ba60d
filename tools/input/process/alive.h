/*
 * alive.h: whether the process that writes a statistics file still lives. It holds a lock on the file until its end (flock), and /proc/locks lists
 * the holder. This program takes no lock to find out: the process could then mistake its own file for another's.
 */
#ifndef HAKMEM_TOOLS_ALIVE_H
#define HAKMEM_TOOLS_ALIVE_H

#include <stdint.h>

enum alive { ALIVE_NO, ALIVE_RUNS, ALIVE_STOPPED };

/* The state of the process that holds the lock on an open file, and its id; 0 if there is none. ALIVE_NO as well if /proc does not tell. */
enum alive alive_writer(int fd, uint32_t *pid);

#endif
