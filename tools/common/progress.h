/*
 * progress.h: one line on standard error that says how far a long piece of work is. It appears only on a terminal and
 * only after a second, and leaves nothing behind.
 */
#ifndef HAKMEM_TOOLS_PROGRESS_H
#define HAKMEM_TOOLS_PROGRESS_H

#include <stdint.h>

/* Starts the second. `what` is a string that lives as long as the work: "reading the trace". */
void progress_start(const char *what);

/* `done` pieces called `unit` so far, of `total` (0 if unknown). Cheap enough to be called thousands of times a second. */
void progress_update(uint64_t done, uint64_t total, const char *unit);

/* Writes to this descriptor from now on; standard error at first. */
void progress_use(int fd);

/* Takes the line away; it comes back with the next update. */
void progress_clear(void);

#endif
