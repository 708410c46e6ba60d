/*
 * sides.h: from the arguments of a command to the runs that it compares.
 */
#ifndef HAKMEM_TOOLS_SIDES_H
#define HAKMEM_TOOLS_SIDES_H

#include <stdbool.h>

#include "diff.h"

/*
 * Parts `count` arguments into two sides. Two arguments are a side each; each may be a pattern, for the shell's quotes: 'A/' and '*'. More of them, as the shell
 * makes them of two patterns, must lie in two directories: the first argument's is side A.
 */
bool sides_find(struct side *a, struct side *b, char **arguments, size_t count);

/* Adds the run at `path`, or all runs that a pattern names. */
bool side_add(struct side *side, const char *path);

/* Reads all runs of a side. Says what cannot be read; false then. */
bool side_read(struct side *side);

void side_free(struct side *side);

#endif
