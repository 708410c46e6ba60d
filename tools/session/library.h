/*
 * library.h: where the libraries are that a program is to be started with.
 */
#ifndef HAKMEM_TOOLS_LIBRARY_H
#define HAKMEM_TOOLS_LIBRARY_H

#define LIBRARY_ALLOCATOR "libhakmem.so"
#define LIBRARY_TRACEPOINTS "libhakmem-tracepoints.so"

/*
 * The path of library `name`: beside this program's own directory (so that a build tree and a moved installation work),
 * else where it was installed. NULL, with a failure set, if it is not found or its path cannot stand in LD_PRELOAD.
 * The caller frees it.
 */
char *library_find(const char *name);

/* This program's own directory, without a slash at its end; NULL if /proc does not tell. The caller frees it. */
char *library_own_directory(void);

#endif
