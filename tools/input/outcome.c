#include "outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/regular.h"

bool outcome_write(const char *path, uint32_t pid, int status) {
  FILE *const file = fopen(path, "wxe");
  if (file == NULL) return fail("cannot make %s: %s", path, strerror(errno));
  if (WIFSIGNALED(status)) fprintf(file, "%" PRIu32 " signal %d\n", pid, WTERMSIG(status));
  else fprintf(file, "%" PRIu32 " exit %d\n", pid, WEXITSTATUS(status));
  const bool written = ferror(file) == 0;
  return (fclose(file) == 0 && written) || fail("cannot write %s: %s", path, strerror(errno));
}

bool outcome_read(struct outcome *outcome, const char *path) {
  char text[64], kind[8];
  const int fd = regular_open(path);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  text[length > 0 ? length : 0] = '\0';
  const bool good = sscanf(text, "%" SCNu32 " %7s %d", &outcome->pid, kind, &outcome->number) == 3 &&
                    (strcmp(kind, "exit") == 0 || strcmp(kind, "signal") == 0);
  if (!good) return fail("%s is damaged: it does not say how a program ended", path);
  outcome->by_signal = strcmp(kind, "signal") == 0;
  return true;
}
