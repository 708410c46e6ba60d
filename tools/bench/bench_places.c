/*
 * bench_places.c: the places of the benchmark programs: beside this program in the build tree, in libexec/hakmem once installed.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "common/error.h"
#include "session/library.h"
#include "common/memory.h"

#define SUFFIX ".sh"

/* The first existing directory/place/name. */
static char *find(const char *const *places, const char *name) {
  char *const own = library_own_directory();
  char *found = NULL;
  for (; own != NULL && found == NULL && *places != NULL; places++) {
    char *const path = must_print("%s/%s/%s", own, *places, name);
    if (access(path, R_OK) == 0) found = realpath(path, NULL);
    free(path);
  }
  if (found == NULL) fail("the benchmark program %s is not beside %s; build or install hakmem as a whole", name, own != NULL ? own : "?");
  free(own);
  return found;
}

char *bench_program(const char *name) {
  static const char *const places[] = {HAKMEM_LIBEXEC_FROM_BINDIR, ".", NULL};
  return find(places, name);
}

static const char *const script_places[] = {HAKMEM_LIBEXEC_FROM_BINDIR "/programs", "../libexec/programs", NULL};

char *bench_script(const char *name) {
  char *const file = must_print("%s" SUFFIX, name);
  char *const path = find(script_places, file);
  free(file);
  return path;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

char **bench_scripts(void) {
  char *const common = bench_script("common");
  if (common == NULL) return NULL;
  *strrchr(common, '/') = '\0';
  DIR *const directory = opendir(common);
  char **names = NULL;
  size_t count = 0, capacity = 0;
  for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    const size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
    if (length <= suffix || strcmp(entry->d_name + length - suffix, SUFFIX) != 0 || strcmp(entry->d_name, "common.sh") == 0) continue;
    names = must_grow(names, count, &capacity, sizeof(*names));
    names[count++] = must_print("%.*s", (int)(length - suffix), entry->d_name);
  }
  if (directory != NULL) closedir(directory);
  if (count > 0) qsort(names, count, sizeof(*names), by_name);
  names = must_grow(names, count, &capacity, sizeof(*names));
  names[count] = NULL;
  free(common);
  return names;
}
