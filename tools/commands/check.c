/*
 * check.c: hakmem check: a gate for continuous integration. Conditions on the figures of a run; the exit code says whether one of them holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/error.h"
#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "compare/condition.h"
#include "compare/figures.h"
#include "report/json/json.h"
#include "report/load.h"

enum { KEY_FAIL_ON = 256, KEY_BASELINE, KEY_NO_DEFAULTS, KEY_JUNIT, KEY_JSON, KEY_FIGURES };

struct condition {
  const char *text;
  bool is_default;
  struct verdict verdict;
};

struct options {
  struct condition *conditions;
  size_t count, capacity;
  char *baseline, *junit;
  bool no_defaults, figures, json;
  struct load load;
};

#define CHECK_SCHEMA 1 /* of --json: grows when a member changes its meaning or is removed */

/* Conditions that no run should meet. */
static const char *const defaults[] = {"incidents > 0", "leaks > 0", "lost > 0", "own_malloc > 0"};

static const struct argp_option options[] = {
  {"fail-on", KEY_FAIL_ON, "CONDITION", 0,
   "Fail if this holds, as in --fail-on 'incidents > 0' or --fail-on 'p99.9(refill) > 50us or rss(peak) > 1.1 * "
   "baseline(rss(peak))'; may be repeated",
   1},
  {"baseline", KEY_BASELINE, "RUN", 0, "The run that baseline(FIGURE) is taken from", 1},
  {"no-defaults", KEY_NO_DEFAULTS, NULL, 0, "Do not fail on incidents, leaks and lost data unless a condition says so", 1},
  {"junit", KEY_JUNIT, "FILE", 0, "Write the outcome to FILE as JUnit's XML, too", 1},
  {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of text; hakmem-json(5) describes its members", 1},
  {"figures", KEY_FIGURES, NULL, 0, "Print the names of all figures with the values of this run", 2},
  {0},
};

static void add_condition(struct options *o, const char *text, bool is_default) {
  o->conditions = must_grow(o->conditions, o->count, &o->capacity, sizeof(*o->conditions));
  o->conditions[o->count++] = (struct condition){.text = text, .is_default = is_default};
}

static bool uses_baseline(const struct options *o) {
  for (size_t i = 0; i < o->count; i++) {
    if (strstr(o->conditions[i].text, "baseline") != NULL) return true;
  }
  return false;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case KEY_FAIL_ON: add_condition(o, argument, false); return 0;
    case KEY_BASELINE: o->baseline = argument; return 0;
    case KEY_NO_DEFAULTS: o->no_defaults = true; return 0;
    case KEY_JUNIT: o->junit = argument; return 0;
    case KEY_JSON: o->json = true; return 0;
    case KEY_FIGURES: o->figures = true; return 0;
    case ARGP_KEY_ARGS:
      o->load.paths = state->argv + state->next;
      o->load.count = state->argc - state->next;
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to check"); return EINVAL;
    case ARGP_KEY_END:
      for (size_t i = 0; !o->no_defaults && i < sizeof(defaults) / sizeof(defaults[0]); i++) add_condition(o, defaults[i], true);
      if (o->baseline != NULL && !uses_baseline(o)) argp_error(state, "--baseline is of no use without a --fail-on that names baseline(FIGURE)");
      if (o->count == 0 && !o->figures) argp_error(state, "there is no condition: --no-defaults needs a --fail-on");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp check_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "DIR|FILE|PID...",
  .doc =
    "Check what runs or recordings hold against conditions, for continuous integration. By default, a run fails on any incident (double free, overflow, "
    "invalid pointer, ...), on leaks (if it ran with HAKMEM_LEAKS), on lost data, and on processes that do not use hakmem's malloc.\v"
    "A condition compares figures, which --figures lists, with numbers or with the same figure of a baseline: > >= < <= == !=, joined by `and` and `or`, with + - * / and "
    "brackets. Units are B, KiB, MiB, GiB, TiB, ns, us, ms, s and %. A condition that names a figure which the run does not tell fails. The exit code is 0 if no condition "
    "holds, 1 if one does or something could not be read, 2 for bad usage.",
};

/* ---- Outcome ---- */

static bool has_failed(const struct condition *c) { return c->verdict.outcome == OUTCOME_TRUE || (c->verdict.outcome == OUTCOME_UNKNOWN && !c->is_default); }

static const char *word_for(const struct condition *c) {
  if (c->verdict.outcome == OUTCOME_UNKNOWN) return c->is_default ? "unknown" : "FAIL (unknown)";
  return has_failed(c) ? "FAIL" : "ok";
}

static void print_outcome(const struct options *o) {
  struct table *const t = table_create("lll");
  for (size_t i = 0; i < o->count; i++) {
    char *const text = escape(o->conditions[i].text);
    table_cell(t, "%s", word_for(&o->conditions[i]));
    table_cell(t, "%s", text);
    table_cell(t, "%s", o->conditions[i].verdict.figures);
    free(text);
  }
  table_print(t, stdout, 0);
}

static bool print_json(const struct options *o, size_t failures) {
  static const char *const outcomes[] = {[OUTCOME_FALSE] = "false", [OUTCOME_TRUE] = "true", [OUTCOME_UNKNOWN] = "unknown"};
  json_t *const root = json_object(), *const conditions = json_array();
  set(root, "schema", json_integer(CHECK_SCHEMA));
  set(root, "path", text(o->load.paths[0]));
  set(root, "baseline", text(o->baseline));
  set(root, "failures", number(failures));
  for (size_t i = 0; i < o->count; i++) {
    const struct condition *const c = &o->conditions[i];
    json_t *const object = json_object();
    set(object, "condition", text(c->text));
    set(object, "is_default", json_boolean(c->is_default));
    set(object, "holds", json_string(outcomes[c->verdict.outcome]));
    set(object, "failed", json_boolean(has_failed(c)));
    set(object, "figures", text(c->verdict.figures));
    json_array_append_new(conditions, object);
  }
  set(root, "conditions", conditions);
  return json_write(stdout, root);
}

static bool print_figures_json(const struct options *o, const struct figures *f) {
  static const char *const units[] = {"count", "bytes", "ns"};
  json_t *const root = json_object(), *const figures = json_object();
  set(root, "schema", json_integer(CHECK_SCHEMA));
  set(root, "path", text(o->load.paths[0]));
  for (size_t i = 0; i < f->count; i++) {
    const struct figure *const figure = &f->list[i];
    json_t *const object = json_object();
    set(object, "group", json_string(figure->group));
    set(object, "unit", json_string(units[figure->unit]));
    set(object, "value", isnan(figure->value) ? json_null() : json_real(figure->value));
    set(figures, figure->name, object);
  }
  set(root, "figures", figures);
  return json_write(stdout, root);
}

static void print_xml(FILE *out, const char *text) {
  char *const plain = escape(text);
  for (const char *c = plain; *c != '\0'; c++) {
    switch (*c) {
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '&': fputs("&amp;", out); break;
      case '"': fputs("&quot;", out); break;
      default: fputc(*c, out); break;
    }
  }
  free(plain);
}

/* Nothing is known: the run neither passed nor failed. */
static bool is_skipped(const struct condition *c) { return c->verdict.outcome == OUTCOME_UNKNOWN && !has_failed(c); }

static void print_case(FILE *out, const struct condition *c) {
  fputs("  <testcase classname=\"hakmem.check\" name=\"not ", out);
  print_xml(out, c->text);
  if (is_skipped(c)) {
    fputs("\">\n    <skipped message=\"", out);
    print_xml(out, c->verdict.figures);
    fputs("\"/>\n  </testcase>\n", out);
    return;
  }
  if (!has_failed(c)) {
    fputs("\"/>\n", out);
    return;
  }
  fputs("\">\n    <failure message=\"", out);
  print_xml(out, c->text);
  fputs("\">", out);
  print_xml(out, c->verdict.figures);
  fputs("</failure>\n  </testcase>\n", out);
}

/* Only the part of the format that all readers know: https://github.com/testmoapp/junitxml describes it. */
static bool write_junit(const struct options *o, size_t failures) {
  FILE *const out = fopen(o->junit, "we");
  if (out == NULL) return fail("cannot write %s: %s", o->junit, strerror(errno));
  size_t skipped = 0;
  for (size_t i = 0; i < o->count; i++) skipped += is_skipped(&o->conditions[i]);
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"hakmem check\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", o->count,
          failures, skipped);
  for (size_t i = 0; i < o->count; i++) print_case(out, &o->conditions[i]);
  fputs("</testsuite>\n", out);
  const bool good = !ferror(out);
  return (fclose(out) == 0 && good) || fail("cannot write %s: %s", o->junit, strerror(errno));
}

static bool print_figures(const struct figures *f) {
  const char *group = "";
  struct table *t = NULL;
  for (size_t i = 0; i < f->count; i++) {
    char buffer[FORMAT_SIZE];
    const struct figure *const figure = &f->list[i];
    if (strcmp(group, figure->group) != 0) {
      if (t != NULL) table_print(t, stdout, 2);
      group = figure->group;
      printf("%s%s\n", t != NULL ? "\n" : "", group);
      t = table_create("lr");
    }
    table_cell(t, "%s", figure->name);
    table_cell(t, "%s", figure_format(buffer, figure->unit, figure->value));
  }
  if (t != NULL) table_print(t, stdout, 2);
  return fflush(stdout) == 0 || fail("cannot write to standard output");
}

/* Says where a condition is wrong, with a caret below the place. */
static void say_misunderstood(const struct condition *c) {
  char *const before = must_copy(c->text), *const text = escape(c->text);
  before[c->verdict.column] = '\0';
  char *const visible = escape(before);
  say("--fail-on: %s", c->verdict.error);
  fprintf(stderr, "  %s\n  %*s^\n", text, (int)format_width(visible), "");
  free(visible);
  free(text);
  free(before);
}

/* ---- Work ---- */

static int evaluate(struct options *o, const struct figures *run, const struct figures *baseline, bool good) {
  size_t failures = 0;
  int exit_code = EXIT_DONE;
  for (size_t i = 0; i < o->count; i++) {
    struct condition *const c = &o->conditions[i];
    c->verdict = condition_evaluate(c->text, run, baseline);
    if (c->verdict.error != NULL) {
      say_misunderstood(c);
      exit_code = EXIT_USAGE;
    } else {
      failures += has_failed(c);
    }
  }
  if (exit_code == EXIT_DONE) {
    if (!o->json) {
      print_outcome(o);
    } else if (!print_json(o, failures)) {
      say("%s", failure());
      good = false;
    }
    if (o->junit != NULL && !write_junit(o, failures)) {
      say("%s", failure());
      good = false;
    }
    const bool written = fflush(stdout) == 0;
    exit_code = failures > 0 || !good || !written ? EXIT_FAILED : EXIT_DONE;
  }
  for (size_t i = 0; i < o->count; i++) condition_free(&o->conditions[i].verdict);
  return exit_code;
}

static int check(void *context) {
  struct options *const o = context;
  struct page page = {0}, baseline = {0};
  struct figures run = {0}, base = {0};
  bool good = load_page(&page, &o->load);
  int exit_code = EXIT_FAILED;
  if (o->baseline != NULL) good &= load_page(&baseline, &(struct load){.paths = &o->baseline, .count = 1, .compared = true});
  if (page.main != NULL) figures_of(&run, &page);
  if (baseline.main != NULL) figures_of(&base, &baseline);
  if (o->figures && page.main != NULL) {
    if (!(o->json ? print_figures_json(o, &run) : print_figures(&run))) {
      say("%s", failure());
      good = false;
    }
    exit_code = good ? EXIT_DONE : EXIT_FAILED;
  } else if (page.main != NULL && (o->baseline == NULL || baseline.main != NULL)) {
    exit_code = evaluate(o, &run, o->baseline != NULL ? &base : NULL, good);
  }
  figures_free(&run);
  figures_free(&base);
  load_free(&page);
  load_free(&baseline);
  return exit_code;
}

int command_check(int argc, char **argv) {
  struct options o = {.load = {.compared = true}};
  argp_parse(&check_argp, argc, argv, 0, NULL, &o);
  format_init();
  const int exit_code = sandbox_run(check, &o);
  free(o.conditions);
  return exit_code;
}
