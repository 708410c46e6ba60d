#include "trend.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"

/* ---- Readings. ---- */

static void add_value(struct trend_site *s, double seconds, double bytes, double blocks, bool is_first) {
  if (!is_first && bytes > s->now) s->rises++;
  if (!is_first && bytes < s->now) s->falls++;
  s->before = is_first ? bytes : s->now;
  s->now = bytes;
  s->blocks = blocks;
  s->sum += bytes;
  s->by_time += bytes * seconds;
  s->squares += bytes * bytes;
}

void trend_add(struct trend *t, double seconds, const struct site *sites, size_t count) {
  struct trend_site *const all = must_allocate((t->count + count + 1) * sizeof(*all));
  const bool is_first = t->readings == 0;
  size_t old = 0, new = 0, kept = 0;
  while (old < t->count || new < count) {
    const int order = old == t->count ? 1 : new == count ? -1 : strcmp(t->sites[old].folded, sites[new].folded);
    struct trend_site *const s = &all[kept++];
    if (order <= 0) *s = t->sites[old];
    else
      *s = (struct trend_site){.folded = must_copy(sites[new].folded),
                               .place = sites[new].place != NULL ? must_copy(sites[new].place) : NULL,
                               .inner = sites[new].inner,
                               .first = is_first ? sites[new].f.allocated : 0};
    add_value(s, seconds, order >= 0 ? sites[new].f.allocated : 0, order >= 0 ? sites[new].f.blocks : 0, is_first);
    old += order <= 0;
    new += order >= 0;
  }
  free(t->sites);
  t->sites = all;
  t->count = kept;
  t->readings++;
  t->time = seconds;
  t->times += seconds;
  t->squares += seconds * seconds;
}

void trend_free(struct trend *t) {
  for (size_t i = 0; i < t->count; i++) {
    free(t->sites[i].folded);
    free(t->sites[i].place);
  }
  free(t->sites);
}

/* ---- Figures. ---- */

double trend_slope(const struct trend *t, const struct trend_site *site, double *error) {
  const double n = t->readings, spread = t->squares - t->times * t->times / n;
  *error = NAN;
  if (t->readings < 2 || spread <= 0) return 0;
  const double together = site->by_time - t->times * site->sum / n, slope = together / spread;
  if (t->readings < 3) return slope;
  const double rest = site->squares - site->sum * site->sum / n - slope * together;
  *error = sqrt(fmax(rest, 0) / (n - 2) / spread);
  return slope;
}

bool trend_grows_all_along(const struct trend *t, const struct trend_site *site) {
  return t->readings >= 3 && site->falls == 0 && 2 * site->rises > t->readings - 1;
}

/* qsort has no context. */
static const struct trend *ranking;

static int by_rank(const void *a, const void *b) {
  const struct trend_site *const x = *(const struct trend_site *const *)a, *const y = *(const struct trend_site *const *)b;
  const bool along_x = trend_grows_all_along(ranking, x), along_y = trend_grows_all_along(ranking, y);
  double unused;
  if (along_x != along_y) return along_x ? -1 : 1;
  const double slope_x = trend_slope(ranking, x, &unused), slope_y = trend_slope(ranking, y, &unused);
  return slope_x != slope_y ? (slope_x > slope_y ? -1 : 1) : strcmp(x->folded, y->folded);
}

const struct trend_site **trend_ranked(const struct trend *t) {
  const struct trend_site **const list = must_allocate((t->count + 1) * sizeof(*list));
  for (size_t i = 0; i < t->count; i++) list[i] = &t->sites[i];
  ranking = t;
  qsort(list, t->count, sizeof(*list), by_rank);
  return list;
}

/* ---- Text and JSON. ---- */

#define HOUR 3600.0 /* seconds */

static const char *format_change(char *buffer, double bytes) {
  char size[FORMAT_SIZE];
  const uint64_t whole = whole_number(fabs(bytes) + 0.5);
  snprintf(buffer, FORMAT_SIZE, "%s%s", whole == 0 ? "" : bytes < 0 ? "-" : "+", format_bytes(size, whole));
  return buffer;
}

/* The heads are as wide as the cells can become, so that each reading has the same columns. */
static struct table *start_table(void) {
  static const char *const heads[] = {"last step", "since first", " per hour", "     +/-", "live now", "grows    ", "call site, innermost function first"};
  struct table *const table = table_create("RRrrRll");
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(table, "%s", heads[i]);
  return table;
}

static void add_row(struct table *table, const struct trend *t, const struct trend_site *s) {
  char step[FORMAT_SIZE], whole[FORMAT_SIZE], now[FORMAT_SIZE], rate[FORMAT_SIZE], around[FORMAT_SIZE];
  double error;
  const double slope = trend_slope(t, s, &error);
  char *const site = sites_innermost_first(s->folded, s->inner, s->place);
  table_cell(table, "%s", format_change(step, s->now - s->before));
  table_cell(table, "%s", format_change(whole, s->now - s->first));
  table_cell(table, "%s", t->readings < 2 ? "-" : format_change(rate, slope * HOUR));
  table_cell(table, "%s", isnan(error) ? "-" : format_bytes(around, whole_number(error * HOUR + 0.5)));
  table_cell(table, "%s", format_bytes(now, whole_number(s->now + 0.5)));
  table_cell(table, "%s", trend_grows_all_along(t, s) ? "all along" : "");
  table_cell(table, "%s", site);
  free(site);
}

static bool has_changed(const struct trend_site *s) { return s->rises != 0 || s->falls != 0; }

/* The first reading has no change to show: it lists what is there. */
void trend_text(FILE *out, const struct trend *t, size_t rows) {
  const struct trend_site **const ranked = trend_ranked(t);
  struct table *table = NULL;
  size_t told = 0, shown = 0;
  for (size_t i = 0; i < t->count; i++) {
    if (t->readings > 1 && !has_changed(ranked[i])) continue;
    told++;
    if (rows != 0 && shown == rows) continue;
    if (table == NULL) table = start_table();
    add_row(table, t, ranked[i]);
    shown++;
  }
  if (table != NULL) table_print_cut(table, out, 2);
  if (shown < told) fprintf(out, "  and %zu more site%s (--all lists %s)\n", told - shown, told - shown == 1 ? "" : "s", told - shown == 1 ? "it" : "them");
  if (told < t->count) fprintf(out, "  %zu site%s did not change\n", t->count - told, t->count - told == 1 ? "" : "s");
  free(ranked);
}

static json_t *json_site(const struct trend *t, const struct trend_site *s) {
  double error;
  const double slope = trend_slope(t, s, &error);
  json_t *const object = json_object();
  json_object_set_new(object, "site", json_string(s->folded));
  json_object_set_new(object, "bytes", json_real(s->now));
  json_object_set_new(object, "blocks", json_real(s->blocks));
  json_object_set_new(object, "step", json_real(s->now - s->before));
  json_object_set_new(object, "growth", json_real(s->now - s->first));
  json_object_set_new(object, "slope", t->readings < 2 ? json_null() : json_real(slope));
  json_object_set_new(object, "slope_error", isnan(error) ? json_null() : json_real(error));
  json_object_set_new(object, "grows_all_along", json_boolean(trend_grows_all_along(t, s)));
  return object;
}

bool trend_json(FILE *out, const struct trend *t, uint32_t pid, const char *ended) {
  const struct trend_site **const ranked = trend_ranked(t);
  json_t *const object = json_object(), *const sites = json_array();
  for (size_t i = 0; i < t->count; i++) json_array_append_new(sites, json_site(t, ranked[i]));
  json_object_set_new(object, "pid", json_integer(pid));
  json_object_set_new(object, "readings", json_integer(t->readings));
  json_object_set_new(object, "time_s", json_real(t->time));
  json_object_set_new(object, "ended", ended != NULL ? json_string(ended) : json_null());
  json_object_set_new(object, "sites", sites);
  const bool good = json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 && fputc('\n', out) != EOF;
  json_decref(object);
  free(ranked);
  return good || fail("cannot write to standard output");
}
