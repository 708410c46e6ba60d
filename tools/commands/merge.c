/*
 * merge.c: hakmem merge: the statistics of many runs, of any number of machines, added up into one file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/regular.h"
#include "common/sandbox.h"
#include "input/gather.h"
#include "input/merged/merged.h"

struct options {
  char *output;
  char **paths;
  int count;
};

static const struct argp_option options[] = {
  {"output", 'o', "OUT", 0, "Write the merge to OUT, which must be new or another merge; needed", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case 'o': o->output = argument; return 0;
    case ARGP_KEY_ARGS:
      o->paths = state->argv + state->next;
      o->count = state->argc - state->next;
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to merge"); return EINVAL;
    case ARGP_KEY_END:
      if (o->output == NULL) argp_error(state, "say where the merge goes: -o OUT");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp merge_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "DIR|FILE|PID...",
  .doc = "Add up the statistics of any number of runs and machines, exactly, into one file that hakmem report, explain, diff, check, page and export read.\v"
         "DIR is a directory written by hakmem run, or one that holds several of them; FILE is a statistics file or the output of another merge; PID is a "
         "process that runs with hakmem. The order and the grouping of the arguments do not matter. If one of them cannot be read, nothing is written. "
         "The exit code is 0, 1 if something could not be read or written, 2 for bad usage.",
};

/* A file of another kind is never replaced. */
static bool may_write(const char *path) {
  struct stat status;
  if (lstat(path, &status) != 0) return errno == ENOENT || fail("cannot write %s: %s", path, strerror(errno));
  const int fd = S_ISREG(status.st_mode) ? regular_open(path) : -1;
  const bool is_merge = fd >= 0 && merged_is_file(fd);
  if (fd >= 0) close(fd);
  return is_merge || fail("%s exists and is no output of hakmem merge; it was left alone: name a new file with -o", path);
}

static bool add_all(struct merged *m, const struct options *o) {
  uint64_t files = 0;
  bool good = true;
  progress_start("merging");
  for (int i = 0; good && i < o->count; i++) good = gather(m, o->paths[i], &files);
  progress_clear();
  return good;
}

static void tell(const struct merged *m, const char *path) {
  struct report *const r = model_create(SOURCE_STATS, path);
  char text[MODEL_MERGE];
  merged_to_report(r, m);
  say("%s holds %s; to see them: hakmem report %s", path, model_merge_text(r->processes[0]->merge, text), path);
  if (m->highest.overflowed) say("some sums would be larger than a 64-bit number can be, and stay at the largest");
  model_destroy(r);
}

static int merge(void *context) {
  const struct options *const o = context;
  struct merged *const m = must_allocate(sizeof(*m));
  const bool good = may_write(o->output) && add_all(m, o) && merged_write(m, o->output);
  if (good) tell(m, o->output);
  else say("%s", failure());
  free(m);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_merge(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&merge_argp, argc, argv, 0, NULL, &o);
  format_init();
  return sandbox_run(merge, &o);
}
