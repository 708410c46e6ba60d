/*
 * trim.c: hakmem trim: a running process returns its free memory to the kernel.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "commands/command.h"
#include "common/error.h"
#include "common/format.h"
#include "control/ask_options.h"

enum { KEY_SIGNAL = 600 };

struct trim_options {
  struct ask_options ask;
  bool by_signal;
};

static const struct argp_option options[] = {
  {"signal", KEY_SIGNAL, NULL, 0, "Wake a process that rests, by the signal of its HAKMEM_STATS_SIGNAL", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct trim_options *const o = state->input;
  (void)argument;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->ask; return 0;
    case KEY_SIGNAL: o->by_signal = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&ask_argp, 0, NULL, 0}, {0}};

const struct argp trim_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "PID",
  .doc = "Let a running process return its free memory to the kernel, as malloc_trim(0) does, and print how much resident memory that freed.\v"
         "The exit code is 0 if it was done, 1 if it failed, 2 for bad usage, and 3 if the process has not answered: it rests or is stopped, and returns its "
         "memory when it goes on.",
  .children = children,
};

int command_trim(int argc, char **argv) {
  struct trim_options o = {0};
  struct asker a;
  struct control_answer answer;
  char before[FORMAT_SIZE], after[FORMAT_SIZE], freed[FORMAT_SIZE];
  argp_parse(&trim_argp, argc, argv, 0, NULL, &o);
  format_init();
  int code = ask_begin(&a, &o.ask);
  if (code == EXIT_DONE && o.by_signal && !ask_by_signal(&a)) {
    say("%s", failure());
    code = EXIT_FAILED;
  }
  if (code == EXIT_DONE) code = ask_exit(ask(&a, CONTROL_TRIM, "", 0, &answer));
  if (code == EXIT_DONE) {
    printf("process %" PRIu32 ": resident memory fell by %s, from %s to %s\n", a.pid,
           format_bytes(freed, answer.before > answer.after ? answer.before - answer.after : 0), format_bytes(before, answer.before),
           format_bytes(after, answer.after));
  }
  ask_close(&a);
  return code;
}
