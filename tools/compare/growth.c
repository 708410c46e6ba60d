#include "growth.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"
#include "report/json/json.h"
#include "report/sites.h"

#define INDENT 2

struct growths {
  struct site *old, *new;
  size_t old_count, new_count, count;
  struct growth *list, sum;
};

static bool compute(struct growths *g, const struct page *before, const struct page *after) {
  *g = (struct growths){.sum.folded = "all sites"};
  if (before->stats != NULL) g->old = sites_fold(before->stats, &g->old_count);
  if (after->stats != NULL) g->new = sites_fold(after->stats, &g->new_count);
  if (g->old_count == 0 || g->new_count == 0) return false;
  g->list = sites_compare(g->old, g->old_count, g->new, g->new_count, &g->count);
  for (size_t i = 0; i < g->count; i++) {
    g->sum.bytes += g->list[i].bytes;
    g->sum.blocks += g->list[i].blocks;
    g->sum.before += g->list[i].before;
    g->sum.after += g->list[i].after;
    g->sum.variance += g->list[i].variance;
  }
  return true;
}

static void discard(struct growths *g) {
  free(g->list);
  sites_free(g->old, g->old_count);
  sites_free(g->new, g->new_count);
}

/* ---- Text ---- */

static void add_growth(struct table *t, const struct growth *g) {
  char bytes[FORMAT_SIZE], before[FORMAT_SIZE], after[FORMAT_SIZE], *const site = sites_innermost_first(g->folded, g->inner, g->place);
  table_cell(t, "%s%s", g->bytes < 0 ? "-" : "+", format_bytes(bytes, g->bytes < 0 ? 0 - (uint64_t)g->bytes : (uint64_t)g->bytes));
  table_cell(t, "%+" PRId64, g->blocks);
  table_cell(t, "%s", format_bytes(before, g->before));
  table_cell(t, "%s", format_bytes(after, g->after));
  table_cell(t, "%s", site);
  free(site);
}

static bool is_change(const struct growth *g) { return g->bytes != 0 || g->blocks != 0; }

bool print_growth(FILE *out, const struct page *before, const struct page *after) {
  struct growths g;
  const bool any = compute(&g, before, after);
  if (any) {
    size_t changed = 0, shown = 0;
    fputs("\nGrowth of the live heap by call site\n", out);
    struct table *const t = table_create("rRRRl");
    static const char *const heads[] = {"bytes", "blocks", "before", "after", "call site, innermost function first"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
    for (size_t i = 0; i < g.count; i++) {
      if (!is_change(&g.list[i])) continue;
      changed++;
      if (!after->all && shown == PRINT_ROWS) continue;
      add_growth(t, &g.list[i]);
      shown++;
    }
    add_growth(t, &g.sum);
    table_print_cut(t, out, INDENT);
    print_more(out, after, shown, changed, "site", "sites");
    char error[FORMAT_SIZE];
    if (g.sum.variance > 0) fprintf(out, "  (standard error of the sum: at most %s)\n", format_bytes(error, whole_number(sqrt(g.sum.variance) + 0.5)));
    const size_t same = g.count - changed;
    if (same > 0) fprintf(out, "  (%zu other site%s what %s had)\n", same, same == 1 ? " has" : "s have", same == 1 ? "it" : "they");
    print_replaced(out);
  }
  discard(&g);
  return any;
}

/* ---- JSON ---- */

static void set_figures(json_t *object, const struct growth *g) {
  set(object, "bytes", json_integer(g->bytes));
  set(object, "bytes_error", json_real(sqrt(g->variance)));
  set(object, "blocks", json_integer(g->blocks));
  set(object, "before", number(g->before));
  set(object, "after", number(g->after));
}

static json_t *frames(const char *folded) {
  json_t *const array = json_array();
  for (const char *at = folded;; at++) {
    const size_t length = strcspn(at, ";");
    char *const name = must_print("%.*s", (int)length, at);
    json_array_append_new(array, text(name));
    free(name);
    at += length;
    if (*at == '\0') return array;
  }
}

json_t *json_growth(const struct page *before, const struct page *after) {
  struct growths g;
  json_t *object = NULL;
  if (compute(&g, before, after)) {
    json_t *const sites = json_array();
    object = json_object();
    set_figures(object, &g.sum);
    for (size_t i = 0; i < g.count; i++) {
      json_t *const site = json_object();
      set_figures(site, &g.list[i]);
      set(site, "place", text(g.list[i].place));
      set(site, "functions", frames(g.list[i].folded));
      json_array_append_new(sites, site);
    }
    set(object, "sites", sites);
  }
  discard(&g);
  return object;
}
