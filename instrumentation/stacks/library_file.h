/*
 * library_file.h: whether the file of a library has all bytes that the loader would map. The loader does not check that: the process ends with
 * SIGBUS when something touches a missing byte.
 */
#ifndef HAKMEM_LIBRARY_FILE_H
#define HAKMEM_LIBRARY_FILE_H

#include "src/platform/base.h"

/*
 * Searches for the library as dlopen(name) of this library does, but not in the loader's cache. True if it exists and is cut off; *path is its
 * path. dlopen itself refuses files that are not ELF. Not signal safe.
 */
bool library_is_cut_off(const char *name, const char **path);

#endif
