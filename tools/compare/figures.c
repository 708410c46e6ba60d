#include "figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

static void add(struct figures *f, const char *group, char *name, enum figure_unit unit, enum figure_worse worse, double value) {
  f->list = must_grow(f->list, f->count, &f->capacity, sizeof(*f->list));
  f->list[f->count++] = (struct figure){name, group, unit, worse, value};
}

/* ---- Memory ---- */

struct ends {
  double rss, mapped, committed, residual;
  struct stats_buckets buckets;
  bool known, has_untouched, is_early; /* is_early: of some process, the memory is that of a snapshot long before its end */
};

#define NEAR 4 /* of the time that the statistics cover, one part in this number */

/* Whether the last snapshot of a killed process tells its end: a busy process takes one every 100 ms, one that allocates for 50 ms only takes the first. */
static bool is_near_end(const struct model_process *p) { return p->snapshot_ns != 0 && p->snapshot_ns >= p->elapsed_ns - p->elapsed_ns / NEAR; }

static struct ends ends_of(const struct report *r) {
  struct ends ends = {.has_untouched = true};
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    ends.is_early |= p->state == PROCESS_CUT_SHORT && !is_near_end(p);
    if (!p->has_buckets || p->has_called_exec) continue;
    ends.known = true;
    ends.has_untouched &= p->has_untouched;
    ends.rss += (double)p->rss;
    ends.mapped += (double)p->mapped;
    ends.committed += (double)p->committed;
    ends.residual += (double)p->rss - (double)model_touched(p);
#define ADD_BUCKET(name, text) ends.buckets.name += p->buckets.name;
    STATS_BUCKETS(ADD_BUCKET)
  }
  ends.known = ends.known && !ends.is_early;
  return ends;
}

static double peak_of(const struct report *r) {
  const struct model_process *const p = model_largest_process(r);
  if (p == NULL || p->rss_max == UNKNOWN) return NAN;
  return model_is_cut(p) && !p->rss_max_is_whole ? NAN : (double)p->rss_max;
}

static void add_memory(struct figures *f, const struct page *page) {
  static const char group[] = "Memory";
  const struct ends ends = ends_of(page->memory);
#define BYTES(name, known, value) add(f, group, must_copy(name), FIGURE_BYTES, FIGURE_MORE_IS_WORSE, known ? (double)(value) : NAN)
  BYTES("rss(peak)", true, peak_of(page->memory));
  BYTES("rss(end)", ends.known, ends.rss);
  BYTES("mapped(end)", ends.known, ends.mapped);
  BYTES("committed(end)", ends.known, ends.committed);
  BYTES("residual(end)", ends.known && ends.has_untouched, ends.residual);
#define ADD_END(name, text) add(f, group, must_copy(#name "(end)"), FIGURE_BYTES, FIGURE_NEUTRAL, ends.known ? (double)ends.buckets.name : NAN);
  STATS_BUCKETS(ADD_END)
}

/* ---- Latencies ---- */

static const struct {
  const char *name;
  double quantile;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

static void add_latency(struct figures *f, const char *what, const struct histogram *h, bool known) {
  static const char group[] = "Latency";
  known = known && h != NULL && h->count > 0;
  for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
    add(f, group, must_print("%s(%s)", quantiles[i].name, what), FIGURE_NS, FIGURE_MORE_IS_WORSE,
        known ? (double)histogram_quantile(h, quantiles[i].quantile) : NAN);
  }
  add(f, group, must_print("mean(%s)", what), FIGURE_NS, FIGURE_MORE_IS_WORSE, known ? histogram_mean(h) : NAN);
  add(f, group, must_print("max(%s)", what), FIGURE_NS, FIGURE_MORE_IS_WORSE, known ? (double)h->max : NAN);
}

static void add_table(struct figures *f, const char *what, struct histogram *const table[CLASS_ROWS], bool known) {
  struct histogram *const merged = model_merged(table);
  add_latency(f, what, merged, known);
  free(merged);
}

static void add_calls(struct figures *f, const struct page *page) {
  const struct model_calls *const calls = page->stats != NULL ? &page->stats->calls : NULL;
  const bool known = calls != NULL && calls->known;
  for (unsigned kind = 0; kind <= CALL_KIND_COUNT; kind++) {
    const char *const name = kind < CALL_KIND_COUNT ? model_call_kind(kind) : "calls";
    struct histogram *const h = known ? calls_merged(calls, kind) : NULL;
    const bool timed = h != NULL && calls_are_timed(calls, kind, h);
    add_latency(f, name, h, timed);
    add(f, "Latency", must_print("time(%s)", name), FIGURE_NS, FIGURE_MORE_IS_WORSE, timed ? (double)h->sum : NAN);
    free(h);
  }
}

static void add_latencies(struct figures *f, const struct page *page) {
  const struct model_latency *const l = &page->main->latency;
  struct histogram *lookups = NULL;
  for (unsigned strategy = 0; strategy < lookup_strategy_count; strategy++) {
    struct histogram *const one = model_merged(l->lookup[strategy]);
    if (one != NULL) histogram_merge(model_histogram(&lookups), one);
    free(one);
  }
  const bool known = !l->ticks;
  add_calls(f, page);
  add_latency(f, "lookup", lookups, known);
  free(lookups);
  add_table(f, "drain", l->drain, known);
  add_table(f, "refill", l->refill, known);
  add_latency(f, "legacy", l->legacy, known);
  add_latency(f, "map", l->map, known);
}

/* ---- Counts ---- */

static void add_counts(struct figures *f, const struct page *page) {
  static const char group[] = "Operations";
  struct stats_class_counters all = {0}, operations = {0};
  const bool counted = page->memory->source == SOURCE_STATS;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const from = &page->main->total->cls[cls].counters, *const exact = &page->memory->total->cls[cls].counters;
#define ADD_COUNTER(name, text) all.name += from->name, operations.name += exact->name;
    STATS_CLASS_COUNTERS(ADD_COUNTER)
  }
  double longest = 0;
  bool is_whole = true;
  for (size_t i = 0; i < page->memory->process_count; i++) {
    const struct model_process *const p = page->memory->processes[i];
    const double ns = (double)(p->merge != NULL ? p->merge->longest_ns : p->lived_ns != 0 ? p->lived_ns : p->elapsed_ns);
    if (ns > longest) is_whole = !model_is_cut(p) || p->lived_ns != 0;
    longest = fmax(longest, ns);
  }
  add(f, group, must_copy("elapsed"), FIGURE_NS, FIGURE_MORE_IS_WORSE, longest > 0 && is_whole ? longest : NAN);
#define COUNT(name, worse, value) add(f, group, must_copy(name), FIGURE_COUNT, worse, (double)(value))
  add(f, group, must_copy("allocs"), FIGURE_COUNT, FIGURE_NEUTRAL, counted ? (double)operations.allocs : NAN);
  add(f, group, must_copy("frees"), FIGURE_COUNT, FIGURE_NEUTRAL, counted ? (double)operations.frees : NAN);
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    double error;
    const bool known = page->stats != NULL && page->stats->calls.known;
    add(f, group, must_print("calls(%s)", model_call_kind(kind)), FIGURE_COUNT, FIGURE_NEUTRAL,
        known ? (double)calls_count(&page->stats->calls, kind, &error) : NAN);
  }
  COUNT("refills", FIGURE_NEUTRAL, stats_refills(&all));
  COUNT("drains", FIGURE_NEUTRAL, stats_drains(&all));
  COUNT("slab_acquires", FIGURE_NEUTRAL, all.slab_acquire);
  COUNT("slab_releases", FIGURE_NEUTRAL, all.slab_release);
  COUNT("shared_fails", FIGURE_MORE_IS_WORSE, all.shared_fail);
  COUNT("legacy_calls", FIGURE_MORE_IS_WORSE, all.legacy_calls);
  COUNT("legacy_bytes", FIGURE_MORE_IS_WORSE, all.legacy_bytes);
}

/* ---- Errors of the program, leaks, missing data ---- */

static void add_incidents(struct figures *f, const struct page *page) {
  static const char group[] = "Errors of the program";
  double by_verdict[hdr_verdict_count] = {0};
  for (size_t i = 0; i < page->main->process_count; i++) {
    const struct model_process *const p = page->main->processes[i];
    for (size_t k = 0; k < p->incident_count; k++) {
      const struct stats_incident *const incident = &p->incidents[k];
      if (incident->kind == INCIDENT_HDR_RESET && incident->hdr_reset.verdict < hdr_verdict_count)
        by_verdict[incident->hdr_reset.verdict] += (double)incident->count;
    }
  }
  double sum = 0;
  for (unsigned v = 0; v < hdr_verdict_count; v++) sum += by_verdict[v];
  sum = fmax(sum, (double)page->main->total->counters.hdr_reset); /* some did not fit into the list */
  add(f, group, must_copy("incidents"), FIGURE_COUNT, FIGURE_MORE_IS_WORSE, sum);
  for (unsigned v = 0; v < hdr_verdict_count; v++) {
    add(f, group, must_print("incidents(%s)", model_hdr_verdict_name(v)), FIGURE_COUNT, FIGURE_MORE_IS_WORSE, by_verdict[v]);
  }
}

static void add_leaks(struct figures *f, const struct page *page) {
  static const char group[] = "Leaks";
  double by_kind[leak_kind_count] = {0}, known = NAN; /* NAN: no process looked for leaks */
  for (size_t i = 0; i < page->memory->process_count; i++) {
    const struct model_process *const p = page->memory->processes[i];
    if (p->leaks_checked) known = 0;
    for (size_t k = 0; k < p->leak_count; k++) by_kind[p->leaks[k].kind] += (double)p->leaks[k].bytes;
  }
  add(f, group, must_copy("leaks"), FIGURE_BYTES, FIGURE_MORE_IS_WORSE, known + by_kind[LEAK_LOST] + by_kind[LEAK_INDIRECT]);
  for (unsigned kind = 0; kind < leak_kind_count; kind++) {
    add(f, group, must_print("leaks(%s)", model_leak_kind_name(kind)), FIGURE_BYTES, FIGURE_MORE_IS_WORSE, known + by_kind[kind]);
  }
}

static void add_losses(struct figures *f, const struct page *page) {
  static const char group[] = "Missing data";
  struct model_losses all = {0};
  const struct report *const sources[] = {page->stats, page->trace};
  for (size_t s = 0; s < 2; s++) {
    if (sources[s] == NULL) continue;
#define ADD_LOSS(name, text) all.name += sources[s]->lost.name;
    MODEL_LOSSES(ADD_LOSS)
  }
  add(f, group, must_copy("lost"), FIGURE_COUNT, FIGURE_MORE_IS_WORSE, (double)model_lost(&all));
#define ADD_LOSS_FIGURE(name, text) add(f, group, must_copy("lost(" #name ")"), FIGURE_COUNT, FIGURE_MORE_IS_WORSE, (double)all.name);
  MODEL_LOSSES(ADD_LOSS_FIGURE)
  const double own = model_has_merge(page->memory) ? NAN : (double)model_own_mallocs(page->memory); /* a merge keeps no loaded objects */
  add(f, group, must_copy("own_malloc"), FIGURE_COUNT, FIGURE_MORE_IS_WORSE, own);
}

/* ---- All of them ---- */

void figures_of(struct figures *f, const struct page *page) {
  *f = (struct figures){.processes = model_process_count(page->memory)};
  const struct model_process *const p = model_largest_process(page->memory);
  char what[MODEL_MERGE];
  if (p != NULL && p->merge != NULL) f->merge = must_copy(model_merge_text(p->merge, what));
  add_memory(f, page);
  add_latencies(f, page);
  add_counts(f, page);
  add_incidents(f, page);
  add_leaks(f, page);
  add_losses(f, page);
}

void figures_free(struct figures *f) {
  for (size_t i = 0; i < f->count; i++) free(f->list[i].name);
  free(f->list);
  free(f->merge);
}

const struct figure *figures_find(const struct figures *f, const char *name) {
  for (size_t i = 0; i < f->count; i++) {
    if (strcmp(f->list[i].name, name) == 0) return &f->list[i];
  }
  return NULL;
}

const char *figure_format(char *buffer, enum figure_unit unit, double value) {
  const double size = fabs(value);
  if (isnan(value)) return format_count(buffer, UNKNOWN);
  switch (unit) {
    case FIGURE_BYTES: format_bytes(buffer, whole_number(size + 0.5)); break;
    case FIGURE_NS: format_ns(buffer, size); break;
    default: format_count(buffer, whole_number(size + 0.5)); break;
  }
  if (value < 0) {
    memmove(buffer + 1, buffer, strnlen(buffer, FORMAT_SIZE - 2) + 1);
    buffer[0] = '-';
    buffer[FORMAT_SIZE - 1] = '\0';
  }
  return buffer;
}
