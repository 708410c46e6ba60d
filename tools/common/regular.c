#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

int regular_open(const char *path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status;
  if (fd < 0) {
    fail("cannot open %s: %s", path, strerror(errno));
    return -1;
  }
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return fd;
  close(fd);
  fail("%s is not a regular file", path);
  return -1;
}

bool regular_may_replace(const char *path, bool force) {
  struct stat status;
  if (force || stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return true;
  return fail("%s exists; --force replaces it", path);
}
