/*
 * short_name.h: names of C++ functions without what makes them long.
 */
#ifndef HAKMEM_TOOLS_SHORT_NAME_H
#define HAKMEM_TOOLS_SHORT_NAME_H

/*
 * A demangled name with each list of template arguments as <...> and each list of arguments as (...). Empty lists stay as they are. The caller frees
 * the result.
 */
char *short_name(const char *name);

#endif
