#include "outcome.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/regular.h"

bool outcome_write(const char *path, const struct outcome *o) {
  FILE *const file = fopen(path, "wxe");
  if (file == NULL) return fail("cannot make %s: %s", path, strerror(errno));
  fprintf(file, "%" PRIu32 " %s %d %" PRIu64 " %" PRIu64 "\n", o->pid, o->by_signal ? "signal" : "exit", o->number, o->end_ns, o->rss_max);
  const bool written = ferror(file) == 0;
  return (fclose(file) == 0 && written) || fail("cannot write %s: %s", path, strerror(errno));
}

bool outcome_read(struct outcome *outcome, const char *path) {
  char text[128], kind[8];
  *outcome = (struct outcome){0};
  const int fd = regular_open(path);
  if (fd < 0) return false;
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  text[length > 0 ? length : 0] = '\0';
  const int read = sscanf(text, "%" SCNu32 " %7s %d %" SCNu64 " %" SCNu64, &outcome->pid, kind, &outcome->number, &outcome->end_ns, &outcome->rss_max);
  const bool good = (read == 3 || read == 5) && (strcmp(kind, "exit") == 0 || strcmp(kind, "signal") == 0);
  if (!good) return fail("%s is damaged: it does not say how a program ended", path);
  outcome->by_signal = strcmp(kind, "signal") == 0;
  return true;
}
