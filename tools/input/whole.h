/*
 * whole.h: whether the data of a run are all there, as far as the files can tell.
 */
#ifndef HAKMEM_TOOLS_WHOLE_H
#define HAKMEM_TOOLS_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

struct whole {
  size_t processes; /* whose statistics are there */
  size_t missing;   /* files and traces that are empty, cut off or not there; each was said */
};

/*
 * Looks at the statistics files and, if there is to be one, the trace below `directory`, and whether the file system has room for more: if it has
 * none now, nobody knows what could not be written.
 */
struct whole whole_check(const char *directory, bool with_trace);

#endif
