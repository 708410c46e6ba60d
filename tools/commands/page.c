/*
 * page.c: hakmem page: one run, or two to compare, as one HTML file.
 */
#include "page/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/regular.h"
#include "common/sandbox.h"
#include "compare/diff.h"
#include "compare/sides.h"
#include "model/symbol_options.h"
#include "report/load.h"

struct options {
  char *output;
  bool force;
  struct load load;
};

enum { KEY_PID = 256, KEY_FORCE };

static const struct argp_option options[] = {
  {"output", 'o', "FILE", 0, "Write the page to FILE; needed", 1},
  {"force", KEY_FORCE, NULL, 0, "Replace FILE if it exists and is not empty; without this it is kept", 1},
  LOAD_JOBS_OPTION,
  {"pid", KEY_PID, "PID", 0, "Show this process only", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case 'o': o->output = argument; return 0;
    case KEY_FORCE: o->force = true; return 0;
    case 'j': o->load.jobs = load_jobs(argument, state); return 0;
    case KEY_PID: o->load.pid = load_pid(argument, state); return 0;
    case ARGP_KEY_ARGS:
      o->load.paths = state->argv + state->next;
      o->load.count = state->argc - state->next;
      if (o->load.count > 2) argp_error(state, "a page shows one run, or compares two; these are %d", o->load.count);
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to show"); return EINVAL;
    case ARGP_KEY_END:
      if (o->output == NULL) argp_error(state, "say where the page goes: -o FILE.html");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp page_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "DIR|FILE|PID [B]",
  .doc = "Write a run as one HTML file that needs no network: its figures and findings, memory over time, latencies, the SuperSlabs and their slabs, "
         "flame graphs and call sites, incidents. With a second run B, also what changed from the first to it.\v"
         "The arguments are as for hakmem report. Every figure of the page is one of hakmem report --json, hakmem explain --json or hakmem diff --json. In "
         "the page, press ? for its keys. The exit code is 0, 1 if something could not be read or written, 2 for bad usage.",
};

static json_t *difference(char **paths) {
  struct side a = {0}, b = {0};
  json_t *object = json_null();
  if (side_add(&a, paths[0]) && side_add(&b, paths[1]) && side_read(&a) && side_read(&b)) {
    size_t count;
    struct difference *const list = diff_compute(&a, &b, &count);
    object = json_of_diff(list, count, &a, &b);
    free(list);
  }
  side_free(&a);
  side_free(&b);
  return object;
}

static bool write_file(const char *path, json_t *runs, json_t *diff) {
  FILE *const out = fopen(path, "we");
  if (out == NULL) {
    json_decref(runs);
    json_decref(diff);
    return fail("cannot write %s: %s", path, strerror(errno));
  }
  bool good = page_write(out, runs, diff);
  if (fclose(out) != 0 && good) good = fail("%s", strerror(errno));
  struct stat status;
  if (!good && lstat(path, &status) == 0 && S_ISREG(status.st_mode)) unlink(path);
  return good || fail_within("cannot write %s", path);
}

static int page(void *context) {
  const struct options *const o = context;
  if (!regular_may_replace(o->output, o->force)) {
    say("%s", failure());
    return EXIT_FAILED;
  }
  json_t *const runs = json_array();
  bool good = true;
  for (int i = 0; i < o->load.count; i++) {
    struct load load = o->load;
    load.paths = &o->load.paths[i];
    load.count = 1;
    good = page_add_run(runs, &load) && good;
  }
  if (json_array_size(runs) < (size_t)o->load.count) {
    json_decref(runs);
    return EXIT_FAILED;
  }
  if (!write_file(o->output, runs, o->load.count == 2 ? difference(o->load.paths) : json_null())) {
    say("%s", failure());
    return EXIT_FAILED;
  }
  say("the page is in %s", o->output);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_page(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&page_argp, argc, argv, 0, NULL, &o);
  if (!page_has_library()) {
    say("this hakmem was built without D3, the library that draws the page: install node-d3 (Debian), then configure and build hakmem again");
    return EXIT_FAILED;
  }
  format_init();
  return sandbox_run(page, &o);
}
