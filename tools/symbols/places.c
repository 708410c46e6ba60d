#include "places.h"

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

#define BUILD_ID_MAX 64 /* bytes */

char *places_root, *places_debug_dirs, *places_debug_path;

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
  free(places_root);
  places_root = must_print("%s%s%s", here, directory[0] == '/' ? "" : "/", directory);
  free(here);
  for (size_t length = strlen(places_root); length > 0 && places_root[length - 1] == '/'; length--) places_root[length - 1] = '\0';
  return true;
}

bool places_add_debug(const char *directory) {
  if (!is_directory("--debug-dir", directory)) return false;
  char *const absolute = realpath(directory, NULL); /* elfutils takes any other path as one beside the object */
  if (absolute == NULL) return fail("--debug-dir=%s: there is no such directory", directory);
  char *const longer = must_print("%s:%s", places_debug_dirs != NULL ? places_debug_dirs : "", absolute);
  free(absolute);
  free(places_debug_dirs);
  free(places_debug_path);
  places_debug_dirs = longer;
  places_debug_path = must_print("+:.debug%s:" SYSTEM_DEBUG, places_debug_dirs);
  return true;
}

/* ---- Objects ---- */

/* The kernel adds this to the path of a file that was replaced during the run. The path may hold the same file again. */
#define DELETED " (deleted)"

char *places_without_deleted(const char *path) {
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
  char *const name = places_without_deleted(path), *const rooted = places_root != NULL ? rooted_path(places_root, name) : NULL;
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
