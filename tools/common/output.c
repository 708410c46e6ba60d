#include "output.h"

#include <sys/stat.h>

#include "error.h"

bool output_is_free(const char *path, bool force) {
  struct stat status;
  if (force || stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return true;
  return fail("%s exists; --force replaces it", path);
}
