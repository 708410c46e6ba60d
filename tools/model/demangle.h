/*
 * demangle.h: names of C++ functions as in the source.
 */
#ifndef HAKMEM_TOOLS_DEMANGLE_H
#define HAKMEM_TOOLS_DEMANGLE_H

/* `name` demangled if it is a C++ name and libstdc++ is on this machine, else a copy of it. The caller frees it. */
char *demangle(const char *name);

/* From now on, demangled names are those of short_name.h. */
void demangle_shorten(void);

#endif
