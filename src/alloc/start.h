/*
 * start.h: for a tracer whose constructor runs before ours.
 */
#ifndef HAKMEM_START_H
#define HAKMEM_START_H

/* Does what the library's constructor does: reads the options and starts the instrumentation. Later calls do nothing. */
void alloc_start(void);

#endif
