/*
 * gather.h: adds the files of one argument of `hakmem merge` to a merge. How a process ended is looked for among the files of the same argument only.
 */
#ifndef HAKMEM_TOOLS_GATHER_H
#define HAKMEM_TOOLS_GATHER_H

#include <stdbool.h>
#include <stdint.h>

struct merged;

/*
 * `path` is a statistics file, a merge, a directory of them, or a process id. *files counts the files that were read. A directory that holds statistics files
 * is a run, and so is a file that is named itself. False, with a failure set, at the first that cannot be read; `m` is then of no use.
 */
bool gather(struct merged *m, const char *path, uint64_t *files);

#endif
