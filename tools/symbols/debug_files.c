#include "debug_files.h"

#include <elfutils/libdwelf.h>
#include <stdlib.h>

#include "common/memory.h"
#include "debuginfod.h"
#include "places.h"
#include "rooted.h"

/* As elfutils searches SYSTEM_DEBUG on this machine, below the root. */
static int find_below_root(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *link, GElf_Word crc, char **found) {
  char *const system = rooted_path(places_root, SYSTEM_DEBUG), *const object = places_without_deleted(*user_data);
  char *const usual = places_debug_path, *const path = must_print("+%s%s", system != NULL ? system : "", places_debug_dirs != NULL ? places_debug_dirs : "");
  places_debug_path = path;
  const int fd = dwfl_standard_find_debuginfo(module, user_data, name, base, object, link, crc, found);
  places_debug_path = usual;
  free(path);
  free(object);
  free(system);
  return fd;
}

/* The build id of the wanted file: the module's own or, when its debug information is already there, of the file that holds what several share. */
static int wanted_id(Dwfl_Module *module, bool is_shared, const unsigned char **id) {
  GElf_Addr address;
  Dwarf_Addr bias;
  if (!is_shared) return dwfl_module_build_id(module, id, &address);
  Dwarf *const debug = dwfl_module_getdwarf(module, &bias);
  const char *name;
  const void *bits = NULL;
  const ssize_t length = debug != NULL ? dwelf_dwarf_gnu_debugaltlink(debug, &name, &bits) : 0;
  *id = bits;
  return (int)length;
}

int debug_files_find(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *file, const char *link, GElf_Word crc,
                     char **found) {
  int fd = places_root != NULL ? find_below_root(module, user_data, name, base, link, crc, found) : -1;
  if (fd < 0) fd = dwfl_standard_find_debuginfo(module, user_data, name, base, file, link, crc, found);
  const unsigned char *id;
  const int length = fd < 0 ? wanted_id(module, link != NULL && crc == 0, &id) : 0;
  return length > 0 ? debuginfod_open(DEBUGINFOD_DEBUG, id, length, found) : fd;
}
