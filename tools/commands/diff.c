/*
 * diff.c: hakmem diff: what changed between two runs, or two sets of runs, and whether it is more than noise.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/sandbox.h"
#include "compare/diff.h"
#include "compare/growth.h"
#include "compare/sides.h"
#include "input/process/process.h"
#include "model/symbol_options.h"
#include "report/load.h"
#include "control/ask_options.h"
#include "control/every.h"

enum { KEY_JSON = 256, KEY_MARKDOWN, KEY_ALL, KEY_EVERY, KEY_COUNT };

struct options {
  bool json, markdown, all;
  struct every every; /* every_ms 0: runs are compared */
  char **arguments;
  size_t count;
};

static const struct argp_option options[] = {
  {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of text, with every figure of every run", 1},
  {"markdown", KEY_MARKDOWN, NULL, 0, "Print tables in Markdown", 1},
  {"all", KEY_ALL, NULL, 0, "Print all figures, not only those that differ", 1},
  {"every", KEY_EVERY, "TIME", 0,
   "Read one running process each time this has passed (60, 500ms, 5m), and print which call sites grow, how fast, and with what error", 2},
  {"count", KEY_COUNT, "N", 0, "With --every: end after this many intervals", 2},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case KEY_JSON: o->json = true; return 0;
    case KEY_MARKDOWN: o->markdown = true; return 0;
    case KEY_ALL: o->all = true; return 0;
    case KEY_EVERY:
      if (!ask_time(argument, INT32_MAX, &o->every.every_ms) || o->every.every_ms == 0)
        argp_error(state, "--every=%s is not a time: write 60, 500ms or 5m", argument);
      return 0;
    case KEY_COUNT:
      if (!process_is_id(argument, &o->every.count)) argp_error(state, "--count=%s is not a number of intervals", argument);
      return 0;
    case ARGP_KEY_ARGS:
      o->arguments = state->argv + state->next;
      o->count = (size_t)(state->argc - state->next);
      if (o->every.every_ms == 0 && o->count < 2) argp_error(state, "there is nothing to compare %s with", o->arguments[0]);
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to compare"); return EINVAL;
    case ARGP_KEY_END:
      if (o->json && o->markdown) argp_error(state, "--json and --markdown exclude each other");
      if (o->every.every_ms == 0 && o->every.count != 0) argp_error(state, "--count needs --every");
      if (o->every.every_ms != 0 && o->markdown) argp_error(state, "--every and --markdown exclude each other");
      if (o->every.every_ms != 0 && (o->count != 1 || !process_is_id(o->arguments[0], &o->every.pid))) argp_error(state, "--every needs one process id");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp diff_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "A B\nA... B...\n--every=TIME PID",
  .doc =
    "Compare runs: memory by bucket, latencies, refills and drains, incidents, leaks, and the live heap by call site if both ran with HAKMEM_PROFILE.\v"
    "A and B are as for hakmem report, or patterns that name several runs of a side each: hakmem diff 'before/*' 'after/*'. A directory of several runs counts as one run with all their processes. More than two "
    "arguments are parted by their directories: the runs of side A lie in that of the first one, those of side B in another. With 4 runs or more of each "
    "side, a rank-sum test tells which changes are more than noise; with one run each, nothing can tell. With --every, a running process is read without changing it, as hakmem report PID reads it; it needs HAKMEM_PROFILE, which hakmem set switches on. "
    "Ctrl-C ends with a summary, as does the end of the process. The exit code is 0 with or without changes, "
    "1 if something could not be read, 2 for bad usage.",
};

/* The call sites of the first run of each side. */
static void print_sites_of(const struct side *a, const struct side *b) {
  struct page before = {0}, after = {0};
  if (load_page(&before, &(struct load){.paths = a->paths, .count = 1, .compared = true}) &&
      load_page(&after, &(struct load){.paths = b->paths, .count = 1, .compared = true})) {
    print_growth(stdout, &before, &after);
  }
  load_free(&before);
  load_free(&after);
}

static bool print(const struct side *a, const struct side *b, const struct options *o) {
  size_t count;
  struct difference *const list = diff_compute(a, b, &count);
  bool good = true;
  if (o->json) good = diff_json(stdout, list, count, a, b);
  else diff_text(stdout, list, count, a, b, o->all, o->markdown);
  free(list);
  if (good && !o->json && !o->markdown) print_sites_of(a, b);
  return good && ((fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output"));
}

static int diff(void *context) {
  const struct options *const o = context;
  struct side a = {0}, b = {0};
  bool good = sides_find(&a, &b, o->arguments, o->count);
  if (!good) say("%s", failure());
  if (good) {
    const bool read_a = side_read(&a), read_b = side_read(&b);
    good = read_a && read_b;
    if (a.runs != NULL && b.runs != NULL && !print(&a, &b, o)) {
      say("%s", failure());
      good = false;
    }
  }
  side_free(&a);
  side_free(&b);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_diff(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&diff_argp, argc, argv, 0, NULL, &o);
  format_init();
  if (o.every.every_ms == 0) return sandbox_run(diff, &o);
  o.every.json = o.json;
  o.every.all = o.all;
  return diff_every(&o.every);
}
