/*
 * program.h: whether the library can be loaded into a program, by the program's file.
 */
#ifndef HAKMEM_TOOLS_PROGRAM_H
#define HAKMEM_TOOLS_PROGRAM_H

#include <stdbool.h>

/*
 * Whether a process that runs the file `path` can be recorded, as far as the file tells. A script is followed to its interpreter. False, with the
 * failure "is ...", if it cannot. True also if the file is unreadable or not executable: exec reports that.
 */
bool program_file_check(const char *path);

/* Whether the library's instrumentation is linked into the file. */
bool program_has_library(const char *path);

/* Like program_file_check, for the file that execvp would start for `name`; the failure begins with its path. */
bool program_check(const char *name);

#endif
