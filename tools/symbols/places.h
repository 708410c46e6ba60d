/*
 * places.h: where objects and their debug information are looked for.
 */
#ifndef HAKMEM_TOOLS_PLACES_H
#define HAKMEM_TOOLS_PLACES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

/* Each adds a place, from an option's argument; false, with a message for fail(), if it cannot be one. */
bool places_set_root(const char *directory);
bool places_add_debug(const char *directory);

/*
 * Calls `use` with each file that may be the object `path` of a process, until it returns true. `use` owns the descriptor. `build_id` is in
 * hexadecimal, "" if it is not known. False if there is no such file.
 */
typedef bool places_use(void *context, const char *name, int fd);
bool places_find_object(const char *path, const char *build_id, places_use *use, void *context);

/* For Dwfl_Callbacks. The module's user data are the path that the process named. */
extern char *places_debug_path;
int places_find_debug(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *file, const char *link, GElf_Word crc,
                      char **found);

#endif
