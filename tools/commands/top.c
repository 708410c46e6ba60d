/*
 * top.c: hakmem top: processes, and one of them, live on a terminal or as plain text.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "input/process/process.h"
#include "model/symbol_options.h"
#include "top/live/top.h"

enum { KEY_BATCH = 256 };

static const struct argp_option options[] = {
  {"interval", 'i', "SECONDS", 0, "Time between two readings, 0.1 to 60 (1)", 1},
  {"batch", KEY_BATCH, "N", 0, "Print N screens as plain text, with all rows, and end; the first one comes after one interval", 1},
  {0},
};

static unsigned read_count(const char *argument, const struct argp_state *state) {
  char *end;
  const unsigned long count = strtoul(argument, &end, 10);
  if (*argument < '1' || *argument > '9' || *end != '\0' || count > 1000000000) argp_error(state, "--batch=%s: not a number of screens", argument);
  return (unsigned)count;
}

static double read_interval(const char *argument, const struct argp_state *state) {
  char *end;
  const double interval = strtod(argument, &end);
  if (end == argument || *end != '\0' || !(interval >= TOP_FASTEST && interval <= TOP_SLOWEST)) {
    argp_error(state, "--interval=%s: not a number of seconds from %g to %g", argument, TOP_FASTEST, TOP_SLOWEST);
  }
  return interval;
}

static void read_what(struct top_options *o, const char *argument, const struct argp_state *state) {
  struct stat status;
  if (o->pid != 0 || o->directory != NULL) argp_error(state, "more than one process or directory");
  if (stat(argument, &status) == 0 && S_ISDIR(status.st_mode)) o->directory = argument;
  else if (!process_is_id(argument, &o->pid)) argp_error(state, "%s is neither a process nor a directory", argument);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct top_options *const o = state->input;
  switch (key) {
    case 'i': o->interval = read_interval(argument, state); return 0;
    case KEY_BATCH: o->batch = read_count(argument, state); return 0;
    case ARGP_KEY_ARG: read_what(o, argument, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp top_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "[PID|DIR]",
  .doc = "Show processes that run under hakmem, live: their memory, their calls, what is wrong. Without an argument, all processes of this user; with DIR, "
         "those of a run; with PID, this one.\v"
         "The keys are explained by `?`. The processes are only read: nothing runs in them, and nothing is written. If standard output is not a terminal, one "
         "screen is printed as plain text, as by --batch 1. The exit code is 0, 1 if there is nothing to show, 2 for bad usage.",
};

int command_top(int argc, char **argv) {
  struct top_options o = {.interval = TOP_INTERVAL};
  argp_parse(&top_argp, argc, argv, 0, NULL, &o);
  format_init();
  if (o.batch == 0 && !isatty(STDOUT_FILENO)) o.batch = 1;
  return top_run(&o);
}
