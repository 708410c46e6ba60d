/*
 * whole.h: whether the data of a run are complete, as far as the files tell.
 */
#ifndef HAKMEM_TOOLS_WHOLE_H
#define HAKMEM_TOOLS_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

struct whole {
  size_t processes; /* processes with statistics */
  size_t missing;   /* files and traces that are empty, cut off or missing; a message named each */
};

/*
 * Checks the statistics files below `directory` and, if there should be one, the trace. Also checks whether the file system has room: if it is full
 * now, data may be missing that leave no sign.
 */
struct whole whole_check(const char *directory, bool with_trace);

#endif
