/*
 * places.h: where objects and their debug information are looked for.
 */
#ifndef HAKMEM_TOOLS_PLACES_H
#define HAKMEM_TOOLS_PLACES_H

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

/* The path without what the kernel adds to it when the file was replaced. The caller frees it. */
char *places_without_deleted(const char *path);

/* For debug_files.c. NULL: there is none. */
#define SYSTEM_DEBUG "/usr/lib/debug"
extern char *places_root;       /* of --sysroot */
extern char *places_debug_dirs; /* of --debug-dir, each with a ':' before it */
extern char *places_debug_path; /* for elfutils; NULL: its own, which has SYSTEM_DEBUG */

#endif
