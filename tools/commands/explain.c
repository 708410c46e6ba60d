/*
 * explain.c: hakmem explain: what is wrong in a run or a recording, the evidence, and what to change.
 */
#include <stdio.h>

#include "command.h"
#include "common/error.h"
#include "explain/explain.h"
#include "common/format.h"
#include "common/sandbox.h"
#include "model/symbol_options.h"
#include "report/load.h"

enum { KEY_JSON = 256, KEY_PID, KEY_RULES };

struct options {
  bool json, rules;
  struct load load;
};

static const struct argp_option options[] = {
  {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of text; hakmem-json(5) describes its members", 1},
  LOAD_JOBS_OPTION,
  {"pid", KEY_PID, "PID", 0, "Explain this process only", 1},
  {"rules", KEY_RULES, NULL, 0, "Print the rules, and the thresholds from which a figure becomes a finding", 2},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case KEY_JSON: o->json = true; return 0;
    case KEY_RULES: o->rules = true; return 0;
    case 'j': o->load.jobs = load_jobs(argument, state); return 0;
    case KEY_PID: o->load.pid = load_pid(argument, state); return 0;
    case ARGP_KEY_ARGS:
      o->load.paths = state->argv + state->next;
      o->load.count = state->argc - state->next;
      return 0;
    case ARGP_KEY_NO_ARGS:
      if (!o->rules) argp_error(state, "there is nothing to explain");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp explain_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "DIR|FILE|PID...",
  .doc = "Say what is wrong in what runs or recordings hold: each finding with its cost, the evidence, what to change (an option, or "
         "the program), and the effect to expect.\v"
         "Missing data and errors of the program come first, then what costs the most: nanoseconds as a share of the time that the "
         "processes ran, bytes as a share of the most that was resident. DIR, FILE and PID are as for hakmem report. The exit code is 0 with "
         "or without findings, 1 if something could not be read, 2 for bad usage.",
};

static bool print(const struct page *page, bool json) {
  struct diagnosis *const d = diagnosis_create(page);
  bool good = true;
  if (json) good = explain_json(stdout, d);
  else explain_text(stdout, d);
  diagnosis_destroy(d);
  return good && ((fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output"));
}

static int print_rules(void) {
  puts("What is looked for");
  struct table *t = table_create("ll");
#define ADD_RULE(name, meaning) table_cell(t, #name), table_cell(t, "%s", meaning);
  EXPLAIN_RULES(ADD_RULE)
  table_print(t, stdout, 2);
  puts("\nThresholds: the values from which a figure becomes a finding");
  t = table_create("lrll");
#define ADD_THRESHOLD(name, value, unit, why) table_cell(t, #name), table_cell(t, "%.15g", threshold.name), table_cell(t, "%s", unit), table_cell(t, "%s", why);
  EXPLAIN_THRESHOLDS(ADD_THRESHOLD)
  table_print(t, stdout, 2);
  return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int explain(void *context) {
  const struct options *const o = context;
  struct page page = {0};
  struct load load = o->load;
  load.flight = FLIGHT_KILLED;
  bool good = load_page(&page, &load);
  if (page.main != NULL && !print(&page, o->json)) {
    say("%s", failure());
    good = false;
  }
  load_free(&page);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_explain(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&explain_argp, argc, argv, 0, NULL, &o);
  format_init();
  return o.rules ? print_rules() : sandbox_run(explain, &o);
}
