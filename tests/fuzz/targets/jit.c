/*
 * jit: a perf map or a jitdump, and addresses that are looked for in it.
 *
 *   form 1: bit 0: a jitdump   address 8   address 8   the file
 */
#include "tests/fuzz/input.h"

#include <sys/stat.h>

#include "symbols/jit_map.h"

#define PID 4194304u /* no process has it: the largest is one less */

static const char *directory(void) {
  static char path[4096];
  if (path[0] != '\0') return path;
  snprintf(path, sizeof(path), "%s/hakmem-fuzz-jit.%d", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp", (int)getpid());
  MUST(mkdir(path, 0700) == 0);
  return path;
}

static void clean_up(void) {
  static const char *const ends[] = {"map", "dump"};
  char path[4200];
  for (unsigned i = 0; i < 2; i++) {
    snprintf(path, sizeof(path), "%s/%u.%s", directory(), PID, ends[i]);
    unlink(path);
  }
}

static void remove_all(void) {
  clean_up();
  rmdir(directory());
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  static bool begun;
  char path[4200];
  const bool is_dump = input_number(&in, 1) % 2 != 0;
  const uint64_t addresses[] = {input_number(&in, 8), input_number(&in, 8), 0, UINT64_MAX};
  if (!begun) atexit(remove_all);
  begun = true;
  clean_up();
  snprintf(path, sizeof(path), "%s/%u.%s", directory(), PID, is_dump ? "dump" : "map");
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  MUST(fd >= 0 && write(fd, in.at, input_left(&in)) == (ssize_t)input_left(&in));
  close(fd);
  struct jit_map *const map = jit_map_read(directory(), PID, 0);
  MUST(map != NULL);
  for (unsigned i = 0; i < 4; i++) {
    const char *const name = jit_map_find(map, addresses[i]);
    MUST(name == NULL || strlen(name) <= size);
  }
  jit_map_free(map);
  return 0;
}
