/*
 * files: the small files of a run: how its program ended, what was not recorded, the metadata of a trace, and a statistics file that begins as a merge.
 *
 *   form 1   the file
 */
#include "tests/fuzz/input.h"

#include <sys/stat.h>

#include "common/error.h"
#include "input/merged/merged.h"
#include "input/outcome.h"
#include "input/trace/metadata.h"
#include "input/unrecorded.h"

static void check_outcome(const char *path) {
  struct outcome outcome;
  MUST(outcome_read(&outcome, path) || failure()[0] != '\0');
}

static void check_unrecorded(const char *path) {
  struct unrecorded_list list = {0};
  MUST(unrecorded_read(&list, path) || failure()[0] != '\0');
  for (size_t i = 0; i < list.count; i++) MUST(list.entries[i].pid != 0 && list.entries[i].program != NULL && list.entries[i].why != NULL);
  unrecorded_free(&list);
}

/* Metadata are found by their directory: a symlink in one of its own leads to the file. */
static char directory[4096], link_path[4200];

static void remove_directory(void) {
  unlink(link_path);
  rmdir(directory);
}

static void check_metadata(const char *path) {
  if (directory[0] == '\0') {
    snprintf(directory, sizeof(directory), "%s/hakmem-fuzz-trace.%d", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (int)getpid());
    snprintf(link_path, sizeof(link_path), "%s/metadata", directory);
    MUST(mkdir(directory, 0700) == 0 && symlink(path, link_path) == 0 && atexit(remove_directory) == 0);
  }
  MUST(metadata_check(directory) || failure()[0] != '\0');
  const struct metadata_origin origin = metadata_origin(directory);
  MUST(strlen(origin.host) < sizeof(origin.host) && strlen(origin.clock) < sizeof(origin.clock));
}

static void check_merge(const char *path) {
  static struct merged m;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  MUST(fd >= 0);
  if (merged_is_file(fd)) MUST(merged_read(&m, fd, path) || failure()[0] != '\0');
  close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  const unsigned form = (unsigned)input_number(&in, 1);
  const char *const path = input_file(in.at, input_left(&in));
  switch (form % 4) {
    case 0: check_outcome(path); break;
    case 1: check_unrecorded(path); break;
    case 2: check_metadata(path); break;
    default: check_merge(path);
  }
  return 0;
}
