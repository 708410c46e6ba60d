/*
 * debuginfod.h: files by build id from the servers in DEBUGINFOD_URLS, through libdebuginfod, which keeps them in its cache.
 */
#ifndef HAKMEM_TOOLS_DEBUGINFOD_H
#define HAKMEM_TOOLS_DEBUGINFOD_H

#include <stdbool.h>

/* Lets debuginfod_open ask the servers. False, with a message for fail(), if it cannot. */
bool debuginfod_start(void);

/* Keeps elfutils from asking by itself: it would do so without --debuginfod, for files that are not needed, and again after each failure. */
void debuginfod_keep_off(void);

/*
 * The debug information or the object with this build id. Returns a descriptor, and in *path the file's name, which the caller frees; -1 if no
 * server has it, or none may be asked. A server that does not answer costs DEBUGINFOD_TIMEOUT seconds (10 if not set) and one message; no server is asked after that.
 */
enum debuginfod_file { DEBUGINFOD_DEBUG, DEBUGINFOD_OBJECT };
int debuginfod_open(enum debuginfod_file file, const unsigned char *id, int length, char **path);

#endif
