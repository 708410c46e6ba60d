#include "library.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#define PARTS "hakmem" /* below the directory of libraries: what no program is linked with */

char *library_own_directory(void) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) return NULL;
  path[length] = '\0';
  char *const slash = strrchr(path, '/');
  if (slash == NULL) return NULL;
  *slash = '\0';
  return must_copy(path);
}

/* The file, in one of the places for it; NULL if it is in none. */
static char *find_file(const char *own, const char *name) {
  /* Without the files for developers, the library of an installation has its name with the version alone. */
  char *const candidates[] = {
    must_print("%s/../lib/%s", own, name),
    must_print("%s/" HAKMEM_LIBDIR_FROM_BINDIR "/%s", own, name),
    must_print("%s/" HAKMEM_LIBDIR_FROM_BINDIR "/%s." HAKMEM_SOVERSION, own, name),
    must_print("%s/" HAKMEM_LIBDIR_FROM_BINDIR "/" PARTS "/%s", own, name),
    must_print(HAKMEM_LIBDIR "/%s", name),
    must_print(HAKMEM_LIBDIR "/%s." HAKMEM_SOVERSION, name),
    must_print(HAKMEM_LIBDIR "/" PARTS "/%s", name),
  };
  char *found = NULL;
  for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
    if (found == NULL && access(candidates[i], R_OK) == 0) found = realpath(candidates[i], NULL);
    free(candidates[i]);
  }
  return found;
}

char *library_find(const char *name) {
  char *const own = library_own_directory();
  char *found = find_file(own != NULL ? own : HAKMEM_LIBDIR, name);
  if (found == NULL) {
    fail("%s is neither in %s/../lib nor in %s; build or install hakmem as a whole", name, own != NULL ? own : "?", HAKMEM_LIBDIR);
  } else if (strpbrk(found, " :") != NULL) {
    fail("the path %s holds a space or a colon, which LD_PRELOAD cannot carry; install hakmem elsewhere", found);
    free(found);
    found = NULL;
  }
  free(own);
  return found;
}

char *library_find_part(const char *name) {
  char *const own = library_own_directory(), *const below = must_print(PARTS "/%s", name);
  char *const found = find_file(own != NULL ? own : HAKMEM_LIBDIR, below);
  free(below);
  free(own);
  return found;
}
