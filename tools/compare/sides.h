/*
 * sides.h: from the arguments of a command to the runs of both sides.
 */
#ifndef HAKMEM_TOOLS_SIDES_H
#define HAKMEM_TOOLS_SIDES_H

#include <stdbool.h>

#include "diff.h"

/*
 * Parts `count` arguments into two sides. Two arguments are one side each; each may be a quoted pattern: 'A/' and '*'. More arguments, as the shell
 * makes them from two patterns, must lie in two directories: the first argument's directory is side A.
 */
bool sides_find(struct side *a, struct side *b, char **arguments, size_t count);

/* Adds the run at `path`, or all runs that a pattern names. */
bool side_add(struct side *side, const char *path);

/* Reads all runs of a side. A message names unreadable data; then returns false. */
bool side_read(struct side *side);

void side_free(struct side *side);

#endif
