/*
 * library.h: the places of the libraries that a program is started with, and of the parts of this one.
 */
#ifndef HAKMEM_TOOLS_LIBRARY_H
#define HAKMEM_TOOLS_LIBRARY_H

#define LIBRARY_ALLOCATOR "libhakmem.so"
#define LIBRARY_TRACEPOINTS "libhakmem-tracepoints.so"

/*
 * The path of library `name`: beside this program's own directory (for a build tree or a moved installation), else in the installation. NULL, with
 * a failure set, if it is not found or LD_PRELOAD cannot hold its path. The caller frees it.
 */
char *library_find(const char *name);

/* The path of a part of this program, a shared object that it opens itself; NULL if it is not there. The caller frees it. */
char *library_find_part(const char *name);

/* This program's own directory, without a slash at its end; NULL if /proc does not tell. The caller frees it. */
char *library_own_directory(void);

#endif
