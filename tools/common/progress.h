/*
 * progress.h: one line on standard error that shows the progress of long work. It appears only on a terminal and after a second, and is removed at
 * the end.
 */
#ifndef HAKMEM_TOOLS_PROGRESS_H
#define HAKMEM_TOOLS_PROGRESS_H

#include <stdint.h>

/* Starts the second. `what` is a string that lives as long as the work: "reading the trace". */
void progress_start(const char *what);

/* `done` pieces called `unit` so far, of `total` (0 if unknown). Cheap enough for thousands of calls a second. */
void progress_update(uint64_t done, uint64_t total, const char *unit);

/* The same with the rate; `share` of the work that is done, 0 to 1 (0: unknown), tells how long the rest takes. */
void progress_rate(uint64_t done, const char *unit, double share);

/* Writes to this descriptor from now on; standard error at first. */
void progress_use(int fd);

/* Removes the line; the next update shows it again. */
void progress_clear(void);

#endif
