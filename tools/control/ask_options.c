#include "ask_options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "input/process/process.h"

enum { KEY_WAIT = 512 };

#define WAIT_MS 3000

static const struct argp_option options[] = {
  {"wait", KEY_WAIT, "TIME", 0, "How long to wait for an answer of the process (3s)", 2},
  {0},
};

bool ask_time(const char *text, uint32_t most, uint32_t *ms) {
  static const struct {
    const char *unit;
    double ms;
  } units[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
  char *end;
  if (*text < '0' || *text > '9') return false;
  const double number = strtod(text, &end);
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
    if (strcmp(end, units[i].unit) != 0) continue;
    const double value = ceil(number * units[i].ms);
    *ms = (uint32_t)fmin(value, most);
    return value <= most;
  }
  return false;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct ask_options *const o = state->input;
  switch (key) {
    case ARGP_KEY_INIT: o->wait_ms = WAIT_MS; return 0;
    case KEY_WAIT:
      if (!ask_time(argument, INT32_MAX, &o->wait_ms)) argp_error(state, "--wait=%s is not a time: write 3s or 500ms", argument);
      return 0;
    case ARGP_KEY_ARG:
      if (o->pid != 0) return ARGP_ERR_UNKNOWN;
      if (!process_is_id(argument, &o->pid)) argp_error(state, "%s is not a process id", argument);
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is no process id"); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp ask_argp = {.options = options, .parser = parse};

int ask_begin(struct asker *a, const struct ask_options *o) {
  const bool good = ask_open(a, o->pid);
  a->wait_ms = o->wait_ms;
  if (!good) say("%s", failure());
  return good ? EXIT_DONE : EXIT_FAILED;
}

int ask_exit(enum ask_result result) {
  if (result == ASK_DONE) return EXIT_DONE;
  say("%s", failure());
  return result == ASK_WAITS ? EXIT_WAITS : EXIT_FAILED;
}
