/*
 * dump.c: hakmem dump: a running process takes a snapshot and writes its statistics now.
 */
#include <stdio.h>

#include "command.h"
#include "common/error.h"
#include "control/ask_options.h"

struct options {
  struct ask_options common;
  char *output;
};

static const struct argp_option options[] = {
  {"output", 'o', "FILE", 0, "Write a copy of the statistics to this new file, also if the process rests: then as its memory shows them", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case 'o': o->output = argument; return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&ask_argp, 0, NULL, 0}, {0}};

const struct argp dump_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "PID",
  .doc = "Let a running process take a snapshot and write its statistics file now, and print the file's name.\v"
         "hakmem report --since A B says what grew between two copies. The exit code is 0 if it was done, 1 if it failed, 2 for bad usage, and 3 if the "
         "process has not answered: it rests or is stopped, and takes the snapshot when it goes on.",
  .children = children,
};

int command_dump(int argc, char **argv) {
  struct options o = {0};
  struct asker a;
  struct control_answer answer;
  argp_parse(&dump_argp, argc, argv, 0, NULL, &o);
  int code = ask_begin(&a, &o.common);
  if (code == EXIT_DONE) code = ask_exit(ask(&a, CONTROL_DUMP, "", 0, &answer));
  if ((code == EXIT_DONE || code == EXIT_WAITS) && o.output != NULL && !ask_copy(&a, o.output)) {
    say("%s", failure());
    code = EXIT_FAILED;
  }
  if (code == EXIT_DONE || (code == EXIT_WAITS && o.output != NULL)) printf("%s\n", o.output != NULL ? o.output : a.path);
  ask_close(&a);
  return code;
}
