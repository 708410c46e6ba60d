/*
 * objects.h: functions and lines at an address of an object, from its debug information or its tables of symbols. By libdw, so this is a part of the
 * program that may be missing (doors/doors.c): then nothing has a name.
 */
#ifndef HAKMEM_TOOLS_OBJECTS_H
#define HAKMEM_TOOLS_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One function at an address; strings are neither demangled nor escaped and live as long as the path and the model that they came from. NULL or 0 if unknown. */
struct symbol {
  const char *function, *file;
  int line;
  bool inlined;       /* inlined into the next one */
  const char *module; /* path */
  uint64_t offset;    /* in the module's file */
  bool replaced;      /* the module's file has changed since the run, so it tells nothing of the address */
};

#define SYMBOLS_MAX 16

/*
 * The functions at `offset` of the file `path`, innermost first; at least one. The caller has cleared the symbols and set the first one's module and
 * offset. `build_id` is in hexadecimal, "" if it is not known; a file with another one is not used. `is_return_address`: names the call before it.
 */
size_t objects_name(const char *path, const char *build_id, uint64_t offset, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]);

/* The same for an address in the tables of the file. */
size_t objects_name_own(const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]);

/* The paths of the objects so far whose file was replaced, from index 0; NULL behind the last one. */
const char *objects_replaced(size_t index);

#endif
