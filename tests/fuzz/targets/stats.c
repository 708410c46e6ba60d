/*
 * stats: a statistics file, given to its reader, then added to a merge, which is written and read again. Nothing is printed: the target `pages` does
 * that. A first odd byte: the whole file is the input.
 */
#include "tests/fuzz/block.h"

#include "common/error.h"
#include "input/merged/merged.h"
#include "input/read_stats.h"

#define PATCHES 64

/* The sums of a report hold, whatever was in the file. */
static void check_report(const struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    char state[MODEL_STATE], as_of[MODEL_AS_OF];
    MUST(strlen(model_state(p, state)) < MODEL_STATE && strlen(model_as_of(p, as_of)) < MODEL_AS_OF);
    for (size_t k = 0; k < p->stack_count; k++) MUST(p->stacks[k].frame_count <= STATS_FRAMES);
    for (size_t k = 0; k < p->incident_count; k++) MUST(p->incidents[k].kind > INCIDENT_NONE && p->incidents[k].kind < INCIDENT_KINDS);
  }
}

static void check_merge(const struct report *r) {
  static struct merged m, again;
  char path[4096];
  memset(&m, 0, sizeof(m));
  if (r->process_count != 1 || r->processes[0]->merge != NULL || !merged_add_report(&m, r)) return;
  snprintf(path, sizeof(path), "%s/hakmem-fuzz.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
  const int fd = mkstemp(path);
  MUST(fd >= 0 && merged_write(&m, path));
  close(fd);
  const int written = open(path, O_RDONLY | O_CLOEXEC);
  MUST(merged_is_file(written));
  const bool good = merged_read(&again, written, path);
  close(written);
  unlink(path);
  if (!good) fprintf(stderr, "%s\n", failure());
  MUST(good && memcmp(&m, &again, sizeof(m)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  const unsigned form = (unsigned)input_number(&in, 1);
  struct stats_identity identity;
  const char *path;
  if (form % 2 == 1) path = input_file(in.at, input_left(&in));
  else path = block_file(block_of(&in, PATCHES));
  read_stats_check(path, &identity);
  struct report *const r = model_create(SOURCE_STATS, "/nowhere");
  const bool good = read_stats_file(r, path, 0);
  MUST(good || (r->process_count == 0 && failure()[0] != '\0'));
  read_stats_end(r);
  model_finish(r);
  check_report(r);
  if (form % 16 == 14) check_merge(r);
  model_destroy(r);
  return 0;
}
