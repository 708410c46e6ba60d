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
#include "input/trace/live.h"
#include "model/symbol_options.h"
#include "top/live/top.h"

enum { KEY_BATCH = 256, KEY_BY };

static const struct argp_option options[] = {
  {"interval", 'i', "SECONDS", 0, "Time between two readings, 0.1 to 60 (1)", 1},
  {"batch", KEY_BATCH, "N", 0, "Print N screens as plain text, with all rows, and end; the first one comes after one interval", 1},
  {"by", KEY_BY, "host|program|process", 0, "Group the processes of sessions at a relay (process)", 1},
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

#define GROUPING_NAME(constant, name) name "|"
static enum group_by read_by(const char *argument, const struct argp_state *state) {
  enum group_by by = GROUP_BY_NOTHING;
  if (!group_by_read(argument, &by)) {
    argp_error(state, "--by=%s: not host, program or process%s", argument, words_meant(argument, GROUPINGS(GROUPING_NAME)));
  }
  return by;
}

#define ONE_KIND "show sessions at a relay, or a process or directory of this machine, but not both at once"

static void read_address(struct top_options *o, char *const *argument, const struct argp_state *state) {
  if (o->pid != 0 || o->directory != NULL) argp_error(state, ONE_KIND);
  if (o->address_count++ == 0) o->addresses = argument;
}

static void read_what(struct top_options *o, const char *argument, const struct argp_state *state) {
  struct stat status;
  if (o->address_count > 0) argp_error(state, ONE_KIND);
  if (o->pid != 0 || o->directory != NULL) argp_error(state, "more than one process or directory");
  if (stat(argument, &status) == 0 && S_ISDIR(status.st_mode)) o->directory = argument;
  else if (!process_is_id(argument, &o->pid)) argp_error(state, "%s is neither a process nor a directory", argument);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct top_options *const o = state->input;
  switch (key) {
    case 'i': o->interval = read_interval(argument, state); return 0;
    case KEY_BATCH: o->batch = read_count(argument, state); return 0;
    case KEY_BY: o->by = read_by(argument, state); return 0;
    case ARGP_KEY_ARGS:
      for (int i = state->next; i < state->argc; i++) {
        if (live_is_address(state->argv[i])) read_address(o, &state->argv[i], state);
        else read_what(o, state->argv[i], state);
      }
      return 0;
    case ARGP_KEY_END:
      if (o->by != GROUP_BY_NOTHING && o->address_count == 0) argp_error(state, "--by is for sessions at a relay: net://RELAY/host/HOST/SESSION");
      if (o->by == GROUP_BY_NOTHING) o->by = GROUP_BY_PROCESS;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp top_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "[PID|DIR|net://RELAY/host/HOST/SESSION...]",
  .doc = "Show processes that run under hakmem, live: their memory, their calls, what is wrong. Without an argument, all processes of this user; with DIR, "
         "those of a run; with PID, this one; with net://, programs that hakmem record --to sends to an LTTng relay daemon.\v"
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
