#include "library.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

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

char *library_find(const char *name) {
  char *const own = library_own_directory();
  char *const candidates[] = {
    own != NULL ? must_print("%s/../lib/%s", own, name) : NULL,
    own != NULL ? must_print("%s/" HAKMEM_LIBDIR_FROM_BINDIR "/%s", own, name) : NULL,
    must_print(HAKMEM_LIBDIR "/%s", name),
  };
  char *found = NULL;
  for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
    if (found == NULL && candidates[i] != NULL && access(candidates[i], R_OK) == 0) {
      found = realpath(candidates[i], NULL);
    }
    free(candidates[i]);
  }
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
