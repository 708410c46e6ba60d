/*
 * library_file.h: whether the file of a library has all bytes that the loader would map. If it is cut off, the loader does not say so: the process ends with
 * SIGBUS when something touches what is missing.
 */
#ifndef HAKMEM_LIBRARY_FILE_H
#define HAKMEM_LIBRARY_FILE_H

#include "src/platform/base.h"

/*
 * Looks for the library as dlopen(name) of this library does, but not in the loader's cache. True if it is there and cut off; *path is where. What is no ELF
 * file at all is left to dlopen, which refuses it. Not signal safe.
 */
bool library_is_cut_off(const char *name, const char **path);

#endif
