#include "condition.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"

#define NAME_MOST 64
#define DEPTH_MOST 50

enum dimension { PLAIN, COUNT, BYTES, TIME }; /* PLAIN: a number without a unit, which may also stand for a count */

struct value {
  double number;
  enum dimension dimension;
};

struct parser {
  const char *text, *at;
  const struct figures *run, *baseline;
  char *named; /* of the verdict */
  char *error;
  size_t column;
  unsigned depth;
  bool failed;
};

static const char *const dimension_names[] = {"a number", "a count", "bytes", "a time"};

/* ---- Errors ---- */

/* Keeps the first error only. */
static void wrong(struct parser *p, const char *at, const char *what) {
  if (p->failed) return;
  p->failed = true;
  p->error = must_copy(what);
  p->column = (size_t)(at - p->text);
}

static void wrong_of(struct parser *p, const char *at, const char *format, const char *detail, const char *more) {
  char *const what = more != NULL ? must_print(format, detail, more) : must_print(format, detail);
  wrong(p, at, what);
  free(what);
}

/* ---- Words ---- */

static void skip_blanks(struct parser *p) {
  while (isspace((unsigned char)*p->at)) p->at++;
}

static bool take(struct parser *p, const char *token) {
  skip_blanks(p);
  const size_t length = strlen(token);
  if (strncmp(p->at, token, length) != 0) return false;
  const bool is_word = isalpha((unsigned char)token[0]);
  if (is_word && (isalnum((unsigned char)p->at[length]) || p->at[length] == '_')) return false;
  p->at += length;
  return true;
}

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

/* ---- Figures ---- */

/* "; did you mean X?" for an unknown name, or "". The caller frees it. */
static char *figure_meant(const struct figures *figures, const char *name) {
  const size_t length = strlen(name);
  struct nearest n = nearest_to(name, length);
  for (size_t i = 0; i < figures->count; i++) {
    const char *const known = figures->list[i].name;
    nearest_look(&n, known);
    if (strncmp(known, name, length) != 0 || known[length] != '(') continue; /* the part is missing */
    n.known = known;
    break;
  }
  return nearest_text(&n, "");
}

/* name [ "(" part ")" ], blanks left out. */
static bool read_name(struct parser *p, char name[NAME_MOST]) {
  const char *const start = p->at;
  size_t length = 0;
  while (is_name(*p->at) && length + 2 < NAME_MOST) name[length++] = *p->at++;
  const char *const after = p->at;
  skip_blanks(p);
  if (*p->at == '(' && length + 2 < NAME_MOST) {
    p->at++;
    skip_blanks(p);
    name[length++] = '(';
    while (is_name(*p->at) && length + 2 < NAME_MOST) name[length++] = *p->at++;
    skip_blanks(p);
    if (*p->at != ')') {
      wrong(p, p->at, "a closing bracket is missing");
      return false;
    }
    p->at++;
    name[length++] = ')';
  } else {
    p->at = after;
  }
  name[length] = '\0';
  if (length + 2 >= NAME_MOST) wrong(p, start, "no figure has so long a name");
  return !p->failed;
}

static enum dimension dimension_of(enum figure_unit unit) { return unit == FIGURE_BYTES ? BYTES : unit == FIGURE_NS ? TIME : COUNT; }

static void note(struct parser *p, const struct figure *figure, bool is_baseline) {
  char buffer[FORMAT_SIZE];
  const char *const value = isnan(figure->value) ? "unknown" : figure_format(buffer, figure->unit, figure->value);
  char *const longer = must_print("%s%s%s%s%s = %s", p->named, *p->named != '\0' ? ", " : "", is_baseline ? "baseline(" : "", figure->name,
                                  is_baseline ? ")" : "", value);
  free(p->named);
  p->named = longer;
}

static struct value read_figure(struct parser *p, const struct figures *figures, bool is_baseline) {
  const char *const start = p->at;
  char name[NAME_MOST];
  if (!read_name(p, name)) return (struct value){0};
  const struct figure *const figure = figures_find(figures, name);
  if (figure == NULL) {
    char *const meant = figure_meant(figures, name);
    wrong_of(p, start, "there is no figure %s%s hakmem check --figures DIR lists them", name, *meant != '\0' ? meant : ";");
    free(meant);
    return (struct value){0};
  }
  note(p, figure, is_baseline);
  return (struct value){figure->value, dimension_of(figure->unit)};
}

static struct value read_baseline(struct parser *p, const char *start) {
  if (!take(p, "(")) wrong(p, p->at, "baseline wants a figure in brackets, as in baseline(rss(peak))");
  if (p->baseline == NULL) wrong(p, start, "there is no baseline: name a run with --baseline");
  skip_blanks(p);
  if (p->failed) return (struct value){0};
  const struct value value = read_figure(p, p->baseline, true);
  if (!take(p, ")")) wrong(p, p->at, "a closing bracket is missing");
  return value;
}

/* ---- Expressions ---- */

static const struct unit {
  const char *name;
  double factor;
  enum dimension dimension;
} units[] = {{"B", 1, BYTES}, {"KiB", 1024, BYTES}, {"MiB", 1048576, BYTES}, {"GiB", 1073741824, BYTES}, {"TiB", 1099511627776, BYTES},
             {"ns", 1, TIME}, {"us", 1e3, TIME},    {"ms", 1e6, TIME},       {"s", 1e9, TIME},           {"%", 0.01, PLAIN}};

static struct value read_number(struct parser *p) {
  char *end;
  struct value value = {strtod(p->at, &end), PLAIN};
  p->at = end;
  skip_blanks(p);
  const char *const start = p->at;
  for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
    if (!take(p, units[i].name)) continue;
    return (struct value){value.number * units[i].factor, units[i].dimension};
  }
  if (isalpha((unsigned char)*p->at) && !take(p, "and") && !take(p, "or")) {
    wrong(p, start, "this is not a unit; units are B, KiB, MiB, GiB, TiB, ns, us, ms, s and %");
  }
  p->at = start;
  return value;
}

static struct value read_sum(struct parser *p);

static struct value read_value(struct parser *p) {
  skip_blanks(p);
  const char *const start = p->at;
  struct value value = {0};
  if (p->failed) return value;
  if (++p->depth > DEPTH_MOST) {
    wrong(p, start, "brackets are nested too deeply");
  } else if (take(p, "(")) {
    value = read_sum(p);
    if (!take(p, ")")) wrong(p, p->at, "a closing bracket is missing");
  } else if (isdigit((unsigned char)*p->at) || (*p->at == '.' && isdigit((unsigned char)p->at[1]))) {
    value = read_number(p);
  } else if (take(p, "baseline")) {
    value = read_baseline(p, start);
  } else if (isalpha((unsigned char)*p->at)) {
    value = read_figure(p, p->run, false);
  } else {
    wrong(p, start, *p->at == '\0' ? "something is missing at the end" : "a number or a figure is expected here");
  }
  p->depth--;
  return value;
}

static struct value read_product(struct parser *p) {
  struct value left = read_value(p);
  while (!p->failed) {
    skip_blanks(p);
    const char *const operator= p->at;
    const bool times = take(p, "*");
    if (!times && !take(p, "/")) break;
    const struct value right = read_value(p);
    if (p->failed) break;
    if (times) {
      if (left.dimension > COUNT && right.dimension > COUNT) wrong(p, operator, "bytes and times cannot be multiplied with each other");
      left = (struct value){left.number * right.number, left.dimension > right.dimension ? left.dimension : right.dimension};
    } else {
      if (right.dimension > COUNT && left.dimension != right.dimension) {
        wrong_of(p, operator, "%s cannot be divided by %s", dimension_names[left.dimension], dimension_names[right.dimension]);
      }
      left = (struct value){left.number / right.number, right.dimension == left.dimension ? PLAIN : left.dimension};
    }
  }
  return left;
}

/* A plain number agrees with a count only; 0 needs no unit. */
static void must_agree(struct parser *p, const char *at, struct value left, struct value right) {
  const bool plain = left.dimension <= COUNT && right.dimension <= COUNT;
  const bool zero = (left.dimension == PLAIN && left.number == 0) || (right.dimension == PLAIN && right.number == 0);
  if (plain || zero || left.dimension == right.dimension) return;
  wrong_of(p, at, "%s cannot be compared with, or added to, %s", dimension_names[left.dimension], dimension_names[right.dimension]);
}

static struct value read_sum(struct parser *p) {
  struct value left = read_product(p);
  while (!p->failed) {
    skip_blanks(p);
    const char *const operator= p->at;
    const bool plus = take(p, "+");
    if (!plus && !take(p, "-")) break;
    const struct value right = read_product(p);
    if (!p->failed) must_agree(p, operator, left, right);
    left.number = plus ? left.number + right.number : left.number - right.number;
  }
  return left;
}

/* ---- Conditions ---- */

static enum outcome outcome_of(bool is_true) { return is_true ? OUTCOME_TRUE : OUTCOME_FALSE; }

static enum outcome read_comparison(struct parser *p) {
  static const char *const operators[] = {">=", "<=", "==", "!=", ">", "<"};
  const struct value left = read_sum(p);
  skip_blanks(p);
  const char *const at = p->at;
  size_t operator= 0;
  while (operator < 6 && !take(p, operators[operator])) operator++;
  if (operator== 6) wrong(p, at, "a comparison is expected here: one of > >= < <= == !=");
  if (p->failed) return OUTCOME_UNKNOWN;
  const struct value right = read_sum(p);
  if (!p->failed) must_agree(p, at, left, right);
  if (p->failed || isnan(left.number) || isnan(right.number)) return OUTCOME_UNKNOWN;
  switch (operator) {
    case 0: return outcome_of(left.number >= right.number);
    case 1: return outcome_of(left.number <= right.number);
    case 2: return outcome_of(left.number == right.number);
    case 3: return outcome_of(left.number != right.number);
    case 4: return outcome_of(left.number > right.number);
    default: return outcome_of(left.number < right.number);
  }
}

static enum outcome read_conjunction(struct parser *p) {
  enum outcome all = read_comparison(p);
  while (!p->failed && take(p, "and")) {
    const enum outcome next = read_comparison(p);
    if (all == OUTCOME_FALSE || next == OUTCOME_FALSE) all = OUTCOME_FALSE;
    else if (next == OUTCOME_UNKNOWN) all = OUTCOME_UNKNOWN;
  }
  return all;
}

static enum outcome read_condition(struct parser *p) {
  enum outcome any = read_conjunction(p);
  while (!p->failed && take(p, "or")) {
    const enum outcome next = read_conjunction(p);
    if (any == OUTCOME_TRUE || next == OUTCOME_TRUE) any = OUTCOME_TRUE;
    else if (next == OUTCOME_UNKNOWN) any = OUTCOME_UNKNOWN;
  }
  skip_blanks(p);
  if (!p->failed && *p->at != '\0') wrong(p, p->at, "this is not understood; conditions are joined by `and` and `or`");
  return any;
}

struct verdict condition_evaluate(const char *text, const struct figures *run, const struct figures *baseline) {
  struct parser p = {.text = text, .at = text, .run = run, .baseline = baseline, .named = must_copy("")};
  const enum outcome outcome = read_condition(&p);
  return (struct verdict){p.failed ? OUTCOME_UNKNOWN : outcome, p.named, p.error, p.column};
}

void condition_free(struct verdict *verdict) {
  free(verdict->figures);
  free(verdict->error);
}
