/*
 * view_tables.c: the tables of a process.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "report/sites.h"
#include "views.h"

#define SINCE_NEW 10.0 /* seconds for which an incident is new */

static void set_columns(struct grid *g, const struct grid_column *columns, size_t count, const char *empty) {
  g->columns = columns;
  g->column_count = count;
  g->empty = empty;
}
#define COLUMNS(list) list, sizeof(list) / sizeof((list)[0])

/* ---- Classes ---- */

#define COLUMNS_BEFORE_BAR 75 /* with the gaps */
#define BAR_MAX 40

/* p99.9 of whole calls, with its standard error in percent: "1.34 us+-9%"; "+-?" if the samples do not tell. */
static void add_p999(struct grid_row *row, size_t column, const struct model_calls *calls, uint32_t cls, bool frees) {
  char buffer[FORMAT_SIZE];
  struct histogram *const h = calls_of_class(calls, cls, frees);
  const double p999 = h != NULL && h->count > 0 ? (double)histogram_quantile(h, 0.999) : -1;
  const struct timed timed = {TIMED_CALLS, calls, frees ? CALL_free : CALLS_ALLOCATE};
  const struct quantile_range range = p999 > 0 ? timed_quantile(timed, cls, h, 0.999) : (struct quantile_range){0, 0};
  const char *const sign = format_is_utf8() ? "\xc2\xb1" : "+-";
  const double error = p999 > 0 ? (double)(range.upper - range.lower) * 50 / p999 : 0; /* half the range, in percent */
  if (p999 < 0) grid_cell(row, column, p999, "-");
  else if (range.upper == range.lower) grid_cell(row, column, p999, "%s", format_ns(buffer, p999));
  else if (range.upper == UINT64_MAX || error >= 99.5) grid_cell(row, column, p999, "%s%s?", format_ns(buffer, p999), sign);
  else grid_cell(row, column, p999, "%s%s%.0f%%", format_ns(buffer, p999), sign, error);
  free(h);
}

static bool is_used(const struct watched *w, uint32_t cls) {
  const struct model_class *const c = &w->p->counts->cls[cls];
  return c->counters.allocs + c->counters.frees + c->gauge.active > 0;
}

void view_classes(struct grid *g, struct shown *shown) {
  static const struct grid_column columns[] = {{"CLASS", 6, true},  {"STRIDE", 8, true},      {"LIVE", 8, true},      {"FREE", 8, true},  {"ALLOC/s", 8, true},
                                               {"FREE/s", 7, true}, {"MALLOC99.9", 11, true}, {"FREE99.9", 11, true}, {"SHARE", 0, false}};
  set_columns(g, COLUMNS(columns), "no memory was allocated yet");
  const struct watched *const w = shown->w;
  const unsigned rest = shown->width > COLUMNS_BEFORE_BAR ? (unsigned)(shown->width - COLUMNS_BEFORE_BAR) : 1, bar_width = rest < BAR_MAX ? rest : BAR_MAX;
  const struct model_calls *const calls = &w->page.stats->calls;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    if (!is_used(w, cls)) continue;
    const struct model_class *const c = &w->p->counts->cls[cls];
    const uint64_t stride = w->page.stats->stride[cls], unused = c->gauge.cached + c->gauge.partial;
    char buffer[FORMAT_SIZE], name[MODEL_CLASS_NAME], bar[FORMAT_BAR_SIZE(BAR_MAX)];
    struct grid_row *const row = grid_add(g, cls, STYLE_PLAIN);
    grid_cell(row, 0, -(double)cls, "%s", model_class_name(cls, name));
    grid_cell(row, 1, (double)stride, "%s", stride > 0 ? format_bytes(buffer, stride) : "");
    grid_cell(row, 2, (double)c->gauge.allocated, "%s", format_bytes(buffer, c->gauge.allocated));
    grid_cell(row, 3, (double)unused, "%s", format_bytes(buffer, unused));
    grid_cell(row, 4, w->rates[cls].allocs, "%s", w->has_rates ? view_rate(buffer, w->rates[cls].allocs) : "-");
    grid_cell(row, 5, w->rates[cls].frees, "%s", w->has_rates ? view_rate(buffer, w->rates[cls].frees) : "-");
    add_p999(row, 6, calls, cls, false);
    add_p999(row, 7, calls, cls, true);
    grid_cell(row, 8, 0, "%s", format_bar(bar, sizeof(bar), c->gauge.allocated, w->p->buckets.live, bar_width));
  }
}

/* ---- Threads ---- */

static const char *state_name(char letter) {
  switch (letter) {
    case 'R': return "runs";
    case 'S':
    case 'I': return "sleeps";
    case 'D': return "waits for the disk";
    case 'T':
    case 't': return "stopped";
    default: return "ends";
  }
}

/* What the lists of a thread keep. Only the largest lists are known by thread. */
static void add_kept(struct grid_row *row, const struct stats_threads *kept, uint32_t tid) {
  char buffer[FORMAT_SIZE];
  for (unsigned i = 0; i < STATS_THREADS && kept->row[i].bytes > 0; i++) {
    const struct stats_thread *const t = &kept->row[i];
    if (t->tid != tid) continue;
    grid_cell(row, 4, (double)t->bytes, "%s", format_bytes(buffer, t->bytes));
    grid_cell(row, 5, t->idle_ms, "%s", format_ns(buffer, (double)t->idle_ms * 1e6));
    return;
  }
  grid_cell(row, 4, 0, "%s", kept->count > STATS_THREADS ? "few" : "0 B");
  grid_cell(row, 5, -1, "-");
}

void view_threads(struct grid *g, struct shown *shown) {
  static const struct grid_column columns[] = {{"TID", 8, true},   {"STATE", 18, false}, {"CPU%", 6, true}, {"CPU TIME", 9, true},
                                               {"KEEPS", 8, true}, {"IDLE", 8, true},    {"NAME", 0, false}};
  set_columns(g, COLUMNS(columns), "its threads cannot be listed");
  for (size_t i = 0; i < shown->threads->count; i++) {
    const struct thread *const t = &shown->threads->list[i];
    char buffer[FORMAT_SIZE], *const name = escape(t->name);
    struct grid_row *const row = grid_add(g, t->tid, STYLE_PLAIN);
    grid_cell(row, 0, -(double)t->tid, "%" PRIu32, t->tid);
    grid_cell(row, 1, 0, "%s", state_name(t->state));
    grid_cell(row, 2, t->load, "%.1f", t->load * 100);
    grid_cell(row, 3, t->processor, "%s", format_ns(buffer, t->processor * 1e9));
    add_kept(row, &shown->w->p->threads, t->tid);
    grid_cell(row, 6, 0, "%s", name);
    free(name);
  }
}

/* ---- Call sites ---- */

void view_sites(struct grid *g, struct shown *shown) {
  static const struct grid_column columns[] = {{"LIVE", 8, true},     {"+-", 8, true},          {"SHARE", 7, true},     {"BLOCKS", 8, true},
                                               {"MEAN AGE", 9, true}, {"HOLDS FREE", 11, true}, {"CALL SITE", 0, false}};
  static char advice[128];
  snprintf(advice, sizeof(advice), "no profile yet; `hakmem set %" PRIu32 " PROFILE=512K` switches it on", shown->w->pid);
  set_columns(g, COLUMNS(columns), advice);
  const struct stats_profile *const profile = shown->w->p->profiles[PROFILE_LAST];
  if (profile == NULL) return;
  size_t count;
  struct site *const sites = sites_of(profile, &count);
  const double whole = sites_sum(profile).allocated;
  for (size_t i = 0; i < count; i++) {
    const struct stats_site *const f = &sites[i].f;
    char buffer[FORMAT_SIZE];
    struct grid_row *const row = grid_add(g, sites[i].stack, STYLE_PLAIN);
    grid_cell(row, 0, f->allocated, "%s", format_bytes(buffer, whole_number(f->allocated + 0.5)));
    const double error = sqrt(f->allocated_variance);
    grid_cell(row, 1, error, "%s", format_bytes(buffer, whole_number(error + 0.5)));
    grid_cell(row, 2, f->allocated, "%s", format_percent(buffer, f->allocated, whole));
    grid_cell(row, 3, f->blocks, "%.0f", f->blocks);
    grid_cell(row, 4, f->blocks > 0 ? f->age_ms / f->blocks : 0, "%s", format_ns(buffer, f->blocks > 0 ? f->age_ms / f->blocks * 1e6 : 0));
    grid_cell(row, 5, f->pinned, "%s", format_bytes(buffer, whole_number(f->pinned + 0.5)));
    grid_cell(row, 6, 0, "%s", names_of(shown->names, sites[i].stack));
  }
  free(sites);
}

/* ---- Incidents ---- */

void view_incidents(struct grid *g, struct shown *shown) {
  static const struct grid_column columns[] = {{"AGO", 8, true}, {"TIMES", 6, true}, {"CLASS", 6, true}, {"WHAT", 22, false}, {"WHERE", 0, false}};
  set_columns(g, COLUMNS(columns), "none so far: no wrong header, no double or invalid free, no refusal of the shared pool");
  const struct model_process *const p = shown->w->p;
  for (size_t i = 0; i < p->incident_count; i++) {
    const struct stats_incident *const incident = &p->incidents[i];
    const struct stats_incident_key key = stats_incident_key(incident);
    const double ago_ns = p->elapsed_ns > incident->time_ns ? (double)(p->elapsed_ns - incident->time_ns) : 0;
    char buffer[FORMAT_SIZE], name[MODEL_CLASS_NAME];
    struct grid_row *const row = grid_add(g, i, ago_ns < SINCE_NEW * 1e9 && !shown->w->is_gone ? STYLE_BAD : STYLE_PLAIN);
    grid_cell(row, 0, -ago_ns, "%s", format_ns(buffer, ago_ns));
    grid_cell(row, 1, (double)incident->count, "%" PRIu64, incident->count);
    grid_cell(row, 2, -(double)key.cls, "%s", model_class_name(key.cls, name));
    if (incident->kind == INCIDENT_HDR_RESET) grid_cell(row, 3, 0, "%s", model_hdr_verdict_name(key.why));
    else grid_cell(row, 3, 0, "refused: %s", model_fail_reason_name(key.why));
    grid_cell(row, 4, 0, "%s", names_of(shown->names, key.stack));
  }
}

/* ---- Findings ---- */

void view_findings(struct grid *g, struct shown *shown) {
  static const struct grid_column columns[] = {{"RANK", 5, true}, {"WHAT hakmem explain FINDS, AND WHAT TO CHANGE", 0, false}};
  size_t count;
  char *const *const findings = names_findings(shown->names, shown->now, &count);
  set_columns(g, COLUMNS(columns), findings == NULL ? "looking ..." : "none so far");
  for (size_t i = 0; i < count; i++) {
    struct grid_row *const row = grid_add(g, i + 1, STYLE_PLAIN);
    grid_cell(row, 0, -(double)i, "%zu", i + 1);
    grid_cell(row, 1, 0, "%s", findings[i]);
  }
}
