/*
 * dump.c: hakmem dump: a running process takes a snapshot and writes its statistics now.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands/command.h"
#include "common/error.h"
#include "common/memory.h"
#include "control/ask_options.h"

struct options {
  struct ask_options common;
  char *output;
};

static const struct argp_option options[] = {
  {"output", 'o', "FILE", 0, "Write a copy of the statistics to this new file; if the process rests or is stopped, as its memory shows them", 1},
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
         "process has not answered: it rests or is stopped, and takes the snapshot when it goes on. With --output, such a process is read from its memory "
         "instead, and the exit code is 0.",
  .children = children,
};

/* A process that rests or is stopped does not answer; then its memory is read, if the kernel allows that. */
static int copy(const struct asker *a, const char *output) {
  struct control_answer answer;
  bool as_now = false;
  const enum ask_result result = ask(a, CONTROL_DUMP, "", 0, &answer);
  if (result == ASK_REFUSED) return ask_exit(result);
  char *const why = result == ASK_WAITS ? must_copy(failure()) : NULL;
  int code = EXIT_DONE;
  if (!ask_copy(a, output, &as_now)) {
    say("%s", failure());
    code = EXIT_FAILED;
  } else {
    if (why != NULL && !as_now) say("%s; its memory cannot be read, so %s is as old as its file", why, output), code = EXIT_WAITS;
    printf("%s\n", output);
  }
  free(why);
  return code;
}

static int in_place(const struct asker *a) {
  struct control_answer answer;
  const enum ask_result result = ask(a, CONTROL_DUMP, "", 0, &answer);
  if (result == ASK_WAITS) {
    say("%s; hakmem dump -o FILE %u reads its memory instead", failure(), (unsigned)a->pid);
    return EXIT_WAITS;
  }
  if (result == ASK_DONE) printf("%s\n", a->path);
  return ask_exit(result);
}

int command_dump(int argc, char **argv) {
  struct options o = {0};
  struct asker a;
  argp_parse(&dump_argp, argc, argv, 0, NULL, &o);
  int code = ask_begin(&a, &o.common);
  if (code == EXIT_DONE) code = o.output != NULL ? copy(&a, o.output) : in_place(&a);
  ask_close(&a);
  return code;
}
