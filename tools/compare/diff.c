#include "diff.h"

#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "growth.h"
#include "rank.h"
#include "report/load.h"
#include "statistics.h"

/* ---- Comparison ---- */

static size_t values_of(const struct side *side, size_t figure, double *values) {
  size_t known = 0;
  for (size_t run = 0; run < side->count; run++) {
    const double value = side->runs[run].list[figure].value;
    if (!isnan(value)) values[known++] = value;
  }
  return known;
}

static bool all_equal(const double *a, size_t a_count, const double *b, size_t b_count) {
  for (size_t i = 0; i < a_count; i++) {
    if (a[i] != a[0]) return false;
  }
  for (size_t i = 0; i < b_count; i++) {
    if (b[i] != a[0]) return false;
  }
  return true;
}

/* The least p that this many runs can give: when no value of one side lies among those of the other. */
static double least_p(size_t a_count, size_t b_count) {
  double ways = 1;
  for (size_t i = 1; i <= a_count; i++) ways = ways * (double)(b_count + i) / (double)i;
  return 2 / ways;
}

static struct difference compare(const struct side *before, const struct side *after, size_t figure, double *a, double *b) {
  struct difference d = {.figure = &before->runs[0].list[figure]};
  d.before_count = values_of(before, figure, a);
  d.after_count = values_of(after, figure, b);
  d.before = statistics_summary(a, d.before_count).median;
  d.after = statistics_summary(b, d.after_count).median;
  d.p = rank_sum_p(a, d.before_count, b, d.after_count);
  if (d.before_count == 0 || d.after_count == 0) d.change = CHANGE_UNDECIDED;
  else if (all_equal(a, d.before_count, b, d.after_count)) d.change = CHANGE_NONE;
  else if (isnan(d.p) || least_p(d.before_count, d.after_count) >= DIFF_P) d.change = CHANGE_UNDECIDED;
  else if (d.p >= DIFF_P || d.before == d.after) d.change = CHANGE_NOISE;
  else d.change = d.after > d.before ? CHANGE_MORE : CHANGE_LESS;
  return d;
}

struct difference *diff_compute(const struct side *before, const struct side *after, size_t *count) {
  *count = before->runs[0].count;
  struct difference *const list = must_allocate(*count * sizeof(*list));
  double *const a = must_allocate(before->count * sizeof(*a)), *const b = must_allocate(after->count * sizeof(*b));
  for (size_t i = 0; i < *count; i++) list[i] = compare(before, after, i, a, b);
  free(a);
  free(b);
  return list;
}

const char *diff_verdict(const struct difference *d) {
  const bool known = d->figure->worse == FIGURE_MORE_IS_WORSE;
  switch (d->change) {
    case CHANGE_NONE: return "same";
    case CHANGE_NOISE: return "within noise";
    case CHANGE_MORE: return known ? "worse" : "more";
    case CHANGE_LESS: return known ? "better" : "less";
    default: return d->before_count == 0 || d->after_count == 0 ? "not known" : "not decided";
  }
}

/* ---- Text ---- */

static bool is_worth_showing(const struct difference *d) { return d->before_count > 0 && d->after_count > 0 && d->change != CHANGE_NONE; }

static void add_difference(struct table *t, const struct difference *d) {
  char buffer[FORMAT_SIZE];
  const double change = d->after - d->before;
  table_cell(t, "%s", d->figure->name);
  table_cell(t, "%s", figure_format(buffer, d->figure->unit, d->before));
  table_cell(t, "%s", figure_format(buffer, d->figure->unit, d->after));
  table_cell(t, "%s%s", change > 0 ? "+" : "", figure_format(buffer, d->figure->unit, change));
  if (d->before > 0 && !isnan(change)) table_cell(t, "%+.1f %%", 100 * change / d->before);
  else table_cell(t, "-");
  if (isnan(d->p) || d->before_count + d->after_count == 2) table_cell(t, "-");
  else table_cell(t, "%.3f", d->p);
  table_cell(t, "%s", diff_verdict(d));
}

static void print_side(FILE *out, const char *name, const struct side *side) {
  char *const first = escape(side->paths[0]);
  fprintf(out, "  %s: %s", name, first);
  free(first);
  if (side->count > 1) fprintf(out, " and %zu more", side->count - 1);
  size_t merges = 0;
  for (size_t i = 0; i < side->count; i++) merges += side->runs[i].merge != NULL;
  if (side->count == 1 && merges == 1) fprintf(out, ", a merge: %s\n", side->runs[0].merge);
  else if (merges > 0) fprintf(out, ", %zu runs, %zu of them merge%s of several\n", side->count, merges, merges == 1 ? "" : "s");
  else fprintf(out, ", %zu run%s\n", side->count, side->count == 1 ? "" : "s");
}

/* What decides whether a change is more than noise. */
enum method { ONE_RUN_EACH, TOO_FEW_RUNS, RANK_SUM };

static enum method method_of(const struct side *before, const struct side *after) {
  if (before->count == 1 && after->count == 1) return ONE_RUN_EACH;
  return least_p(before->count, after->count) >= DIFF_P ? TOO_FEW_RUNS : RANK_SUM;
}

/* Whether a directory has no statistics itself, but several directories that do: a run each, or the hosts of one. */
static bool holds_directories(const char *path) {
  glob_t own = {0}, below = {0};
  char *const here = must_print("%s/*.stats", path), *const there = must_print("%s/*/*.stats", path);
  const bool has_own = glob(here, 0, NULL, &own) == 0, has_below = glob(there, 0, NULL, &below) == 0;
  bool several = false;
  for (size_t i = 1; has_below && i < below.gl_pathc && !several; i++) {
    const size_t length = (size_t)(strrchr(below.gl_pathv[0], '/') - below.gl_pathv[0]) + 1;
    several = strncmp(below.gl_pathv[0], below.gl_pathv[i], length) != 0;
  }
  globfree(&own);
  globfree(&below);
  free(here);
  free(there);
  return several && !has_own;
}

static char *directory_name(const char *path) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  char *const name = must_print("%.*s", (int)length, path), *const visible = escape(name);
  free(name);
  return visible;
}

static void print_one_run_each(FILE *out, const struct side *before, const struct side *after) {
  format_wrapped(out, "  ", "One run each: nothing tells how much of a change is noise. Give several runs of each side.");
  if (!holds_directories(before->paths[0]) || !holds_directories(after->paths[0])) return;
  char *const a = directory_name(before->paths[0]), *const b = directory_name(after->paths[0]);
  char *const line = must_print("%s and %s hold several directories; if each of these is a run: hakmem diff '%s/*' '%s/*'", a, b, a, b);
  format_wrapped(out, "  ", line);
  free(line);
  free(a);
  free(b);
}

static void print_method(FILE *out, const struct side *before, const struct side *after) {
  switch (method_of(before, after)) {
    case ONE_RUN_EACH: print_one_run_each(out, before, after); return;
    case TOO_FEW_RUNS: format_wrapped(out, "  ", "Too few runs to tell a change from noise: 4 of each side are enough."); return;
    case RANK_SUM: {
      char *const line = must_print("Medians. A change counts if a rank-sum test gives p below %.2f; 1 figure in %.0f is expected to do so by chance.", DIFF_P,
                                    1 / DIFF_P);
      format_wrapped(out, "  ", line);
      free(line);
    }
  }
}

static size_t processes_of(const struct side *side, bool *merged) {
  size_t sum = 0;
  for (size_t i = 0; i < side->count; i++) {
    sum += side->runs[i].processes;
    *merged |= side->runs[i].merge != NULL;
  }
  return sum;
}

/* Sums over different numbers of processes differ for that reason alone. */
static void print_merges(FILE *out, const struct side *before, const struct side *after) {
  bool merged = false;
  const size_t a = processes_of(before, &merged), b = processes_of(after, &merged);
  if (!merged || a * after->count == b * before->count) return;
  char *const line = must_print(
    "Counts, times and memory are sums over the processes of a run or merge: %zu in all of A, %zu in all of B. So compare latencies, "
    "or merge as many of each side.",
    a, b);
  format_wrapped(out, "  ", line);
  free(line);
}

static struct table *begin_table(void) {
  struct table *const t = table_create("lrrRRRl");
  static const char *const heads[] = {"figure", "A", "B", "change", "", "p", "verdict"};
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  return t;
}

void diff_text(FILE *out, const struct difference *list, size_t count, const struct side *before, const struct side *after, bool all, bool markdown) {
  fputs("hakmem diff\n", out);
  print_side(out, "A", before);
  print_side(out, "B", after);
  print_method(out, before, after);
  print_merges(out, before, after);
  size_t same = 0;
  for (size_t i = 0; i < count;) {
    const char *const group = list[i].figure->group;
    struct table *t = NULL;
    for (; i < count && strcmp(list[i].figure->group, group) == 0; i++) {
      const bool shown = all || is_worth_showing(&list[i]);
      if (shown && t == NULL) t = begin_table();
      if (shown) add_difference(t, &list[i]);
      else same++;
    }
    if (t == NULL) continue;
    fprintf(out, markdown ? "\n## %s\n\n" : "\n%s\n", group);
    if (markdown) table_print_markdown(t, out);
    else table_print(t, out, 2);
  }
  if (same == 0) return;
  char *const line = must_print("\n%zu figures are the same, or in none of the data; --all shows them\n", same);
  format_fitted(out, line);
  free(line);
}

/* ---- JSON ---- */

static json_t *number_or_null(double value) { return isnan(value) ? json_null() : json_real(value); }

static json_t *paths_of(const struct side *side) {
  json_t *const list = json_array();
  for (size_t i = 0; i < side->count; i++) {
    char *const path = escape(side->paths[i]);
    json_array_append_new(list, json_string(path));
    free(path);
  }
  return list;
}

static json_t *values_to_json(const struct side *side, const struct difference *d) {
  const size_t figure = (size_t)(d->figure - side->runs[0].list);
  json_t *const list = json_array();
  for (size_t run = 0; run < side->count; run++) json_array_append_new(list, number_or_null(side->runs[run].list[figure].value));
  return list;
}

/* By call site, of the first run of each side; null if they have no call sites. */
static json_t *growth_between(const struct side *before, const struct side *after) {
  struct page a = {0}, b = {0};
  json_t *growth = NULL;
  if (load_page(&a, &(struct load){.paths = before->paths, .count = 1, .compared = true}) &&
      load_page(&b, &(struct load){.paths = after->paths, .count = 1, .compared = true})) {
    growth = json_growth(&a, &b);
  }
  load_free(&a);
  load_free(&b);
  return growth != NULL ? growth : json_null();
}

json_t *json_of_diff(const struct difference *list, size_t count, const struct side *before, const struct side *after) {
  static const char *const units[] = {"count", "bytes", "ns"}, *const methods[] = {"one_run_each", "too_few_runs", "rank_sum"};
  json_t *const root = json_object(), *const figures = json_object();
  json_object_set_new(root, "schema", json_integer(1));
  json_object_set_new(root, "a", paths_of(before));
  json_object_set_new(root, "b", paths_of(after));
  for (size_t i = 0; i < count; i++) {
    const struct difference *const d = &list[i];
    struct difference in_after = *d;
    in_after.figure = &after->runs[0].list[i];
    json_t *const one = json_object();
    json_object_set_new(one, "group", json_string(d->figure->group));
    json_object_set_new(one, "unit", json_string(units[d->figure->unit]));
    json_object_set_new(one, "a", number_or_null(d->before));
    json_object_set_new(one, "b", number_or_null(d->after));
    json_object_set_new(one, "change", number_or_null(d->after - d->before));
    json_object_set_new(one, "a_runs", values_to_json(before, d));
    json_object_set_new(one, "b_runs", values_to_json(after, &in_after));
    json_object_set_new(one, "p", number_or_null(d->p));
    json_object_set_new(one, "verdict", json_string(diff_verdict(d)));
    json_object_set_new(figures, d->figure->name, one);
  }
  json_object_set_new(root, "method", json_string(methods[method_of(before, after)]));
  json_object_set_new(root, "figures", figures);
  json_object_set_new(root, "growth", growth_between(before, after));
  return root;
}

bool diff_json(FILE *out, const struct difference *list, size_t count, const struct side *before, const struct side *after) {
  json_t *const root = json_of_diff(list, count, before, after);
  const bool good = json_dumpf(root, out, JSON_INDENT(2) | JSON_ENSURE_ASCII) == 0 && fputc('\n', out) != EOF;
  json_decref(root);
  return good || fail("cannot write to standard output");
}
