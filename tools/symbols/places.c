#include "places.h"

#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/regular.h"
#include "debuginfod.h"
#include "rooted.h"

#define SYSTEM_DEBUG "/usr/lib/debug"
#define BUILD_ID_MAX 64 /* bytes */

static char *root;       /* of --sysroot; NULL: there is none */
static char *debug_dirs; /* of --debug-dir, each with a ':' before it; NULL: there is none */
char *places_debug_path; /* for elfutils; NULL: its own, which has SYSTEM_DEBUG */

static bool is_directory(const char *option, const char *directory) {
  struct stat status;
  if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) return fail("%s=%s: there is no such directory", option, directory);
  return strchr(directory, ':') == NULL || fail("%s=%s: a directory with a ':' in its name cannot be searched; use a symlink to it", option, directory);
}

/* Not by realpath, which makes "/" of /proc/PID/root. */
bool places_set_root(const char *directory) {
  if (!is_directory("--sysroot", directory)) return false;
  char *const here = directory[0] == '/' ? must_copy("") : getcwd(NULL, 0);
  if (here == NULL) return fail("--sysroot=%s: the working directory is gone; name it from / on", directory);
  free(root);
  root = must_print("%s%s%s", here, directory[0] == '/' ? "" : "/", directory);
  free(here);
  for (size_t length = strlen(root); length > 0 && root[length - 1] == '/'; length--) root[length - 1] = '\0';
  return true;
}

bool places_add_debug(const char *directory) {
  if (!is_directory("--debug-dir", directory)) return false;
  char *const absolute = realpath(directory, NULL); /* elfutils takes any other path as one beside the object */
  if (absolute == NULL) return fail("--debug-dir=%s: there is no such directory", directory);
  char *const longer = must_print("%s:%s", debug_dirs != NULL ? debug_dirs : "", absolute);
  free(absolute);
  free(debug_dirs);
  free(places_debug_path);
  debug_dirs = longer;
  places_debug_path = must_print("+:.debug%s:" SYSTEM_DEBUG, debug_dirs);
  return true;
}

/* ---- Objects ---- */

/* The kernel adds this to the path of a file that was replaced during the run. The path may hold the same file again. */
#define DELETED " (deleted)"

static char *without_deleted(const char *path) {
  const size_t length = strlen(path), suffix = strlen(DELETED);
  char *const name = must_copy(path);
  if (length > suffix && strcmp(path + length - suffix, DELETED) == 0) name[length - suffix] = '\0';
  return name;
}

static bool try(const char *path, places_use *use, void *context) {
  const int fd = regular_open(path);
  return fd >= 0 && use(context, path, fd);
}

static int bytes_of(const char *hexadecimal, unsigned char bytes[BUILD_ID_MAX]) {
  int count = 0;
  while (count < BUILD_ID_MAX && sscanf(hexadecimal + 2 * count, "%2hhx", &bytes[count]) == 1) count++;
  return count;
}

bool places_find_object(const char *path, const char *build_id, places_use *use, void *context) {
  if (path[0] != '/') return false;
  debuginfod_keep_off();
  char *const name = without_deleted(path), *const rooted = root != NULL ? rooted_path(root, name) : NULL;
  bool found = (rooted != NULL && try(rooted, use, context)) || try(name, use, context);
  free(rooted);
  free(name);
  unsigned char id[BUILD_ID_MAX];
  const int length = found ? 0 : bytes_of(build_id, id);
  char *fetched = NULL;
  const int fd = length > 0 ? debuginfod_open(DEBUGINFOD_OBJECT, id, length, &fetched) : -1;
  if (fd >= 0) found = use(context, fetched, fd);
  free(fetched);
  return found;
}

/* ---- Debug information in a file of its own ---- */

/* As elfutils searches SYSTEM_DEBUG on this machine, below the root. */
static int find_below_root(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *link, GElf_Word crc, char **found) {
  char *const system = rooted_path(root, SYSTEM_DEBUG), *const object = without_deleted(*user_data);
  char *const usual = places_debug_path, *const path = must_print("+%s%s", system != NULL ? system : "", debug_dirs != NULL ? debug_dirs : "");
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

int places_find_debug(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base, const char *file, const char *link, GElf_Word crc,
                      char **found) {
  int fd = root != NULL ? find_below_root(module, user_data, name, base, link, crc, found) : -1;
  if (fd < 0) fd = dwfl_standard_find_debuginfo(module, user_data, name, base, file, link, crc, found);
  const unsigned char *id;
  const int length = fd < 0 ? wanted_id(module, link != NULL && crc == 0, &id) : 0;
  return length > 0 ? debuginfod_open(DEBUGINFOD_DEBUG, id, length, found) : fd;
}
