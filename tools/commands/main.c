/*
 * main.c: hakmem, the companion program. This file knows the subcommands, and nothing of their work.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/error.h"
#include "common/memory.h"
#include "model/version.h"

const struct command commands[] = {
  {"run", "Run a program under libhakmem.so and keep its statistics", &run_argp, command_run},
  {"record", "Run a program and record its events in an LTTng session made for it", &record_argp, command_record},
  {"report", "Print what a run or a recording holds: histograms, tables, stacks", &report_argp, command_report},
  {"explain", "Say what is wrong in a run or a recording, and what to change", &explain_argp, command_explain},
  {"top", "Show processes live on a terminal: memory, calls, incidents", &top_argp, command_top},
  {"diff", "Say what changed between runs, and whether it is more than noise", &diff_argp, command_diff},
  {"merge", "Add up the statistics of any number of runs and machines in one file", &merge_argp, command_merge},
  {"page", "Write a run, or two of them, as one HTML file to look at", &page_argp, command_page},
  {"export", "Write a run or a recording in the format of another tool", &export_argp, command_export},
  {"check", "Fail if a condition on a run holds: a gate for continuous integration", &check_argp, command_check},
  {"set", "Change options of a running process: profile, guard pages, tracing, log", &set_argp, command_set},
  {"dump", "Let a running process write its statistics now", &dump_argp, command_dump},
  {"trim", "Let a running process return its free memory to the kernel", &trim_argp, command_trim},
  {"symbolize", "Put functions and lines into the stacks of a log", &symbolize_argp, command_symbolize},
  {"bench", "Measure hakmem against other allocators on this machine", &bench_argp, command_bench},
  {0},
};

struct choice {
  const struct command *command;
  int first; /* argv[first] is its name */
};

static int run_command(const struct command *command, int argc, char **argv) {
  char *const name = must_print("hakmem %s", command->name);
  argv[0] = name;
  words_check_options(command, argc, argv);
  const int exit_code = command->run(argc, argv);
  free(name);
  return exit_code;
}

/* The list of subcommands, behind the options of --help. */
static char *filter(int key, const char *text, void *input) {
  (void)input;
  if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
  char *list = must_copy("Commands:\n");
  for (const struct command *c = commands; c->name != NULL; c++) {
    char *const longer = must_print("%s  %-9s %s\n", list, c->name, c->summary);
    free(list);
    list = longer;
  }
  char *const whole = must_print("%s\nhakmem help COMMAND, or hakmem COMMAND --help, tells more.", list);
  free(list);
  return whole;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct choice *const choice = state->input;
  if (key == ARGP_KEY_NO_ARGS) argp_usage(state);
  if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
  if (strcmp(argument, "help") == 0) {
    if (state->next >= state->argc) argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    const char *const name = state->argv[state->next];
    const struct command *const about = words_command(name);
    if (about == NULL) argp_error(state, "there is no command %s%s", name, words_command_meant(name));
    char *help[] = {NULL, (char *)"--help", NULL};
    exit(run_command(about, 2, help));
  }
  choice->command = words_command(argument);
  if (choice->command == NULL) argp_error(state, "there is no command %s%s", argument, words_command_meant(argument));
  choice->first = state->next - 1;
  state->next = state->argc;
  return 0;
}

static const struct argp argp = {
  .parser = parse,
  .args_doc = "COMMAND [ARGUMENT...]",
  .doc = "See what a program's memory allocator does: how long lookups take, what drains move, where memory is lost.\vx",
  .help_filter = filter,
};

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  argp_program_version = version_text();
  argp_err_exit_status = EXIT_USAGE;
  if (argc > 1 && strcmp(argv[1], "--complete") == 0) { /* asked by the shells' completion rules alone */
    words_complete(argc - 2, argv + 2);
    return EXIT_DONE;
  }
  struct choice choice = {0};
  argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
  return run_command(choice.command, argc - choice.first, argv + choice.first);
}
