/*
 * program.h: whether the library can be loaded into a program, which its file says before it is started.
 */
#ifndef HAKMEM_TOOLS_PROGRAM_H
#define HAKMEM_TOOLS_PROGRAM_H

#include <stdbool.h>

/*
 * Whether a process that runs the file `path` can be recorded, as far as the file can tell: a script is followed to its
 * interpreter. False, with the failure set to "is ...", if it cannot; true as well if the file cannot be read or executed,
 * which is for exec to say.
 */
bool program_file_check(const char *path);

/* Whether the library's instrumentation is linked into the file. */
bool program_has_library(const char *path);

/* As program_file_check, for what execvp would start for `name`; the failure begins with the path of that. */
bool program_check(const char *name);

#endif
