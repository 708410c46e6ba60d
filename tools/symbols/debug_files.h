/*
 * debug_files.h: finds the debug information of an object that lies in a file of its own, for libdwfl. A part of objects.c.
 */
#ifndef HAKMEM_TOOLS_DEBUG_FILES_H
#define HAKMEM_TOOLS_DEBUG_FILES_H

#include <elfutils/libdwfl.h>

/* For Dwfl_Callbacks. The module's user data are the path that the process named. */
int debug_files_find(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *file, const char *link, GElf_Word crc, char **found);

#endif
