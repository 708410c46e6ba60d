/*
 * json_figures.c: the counters, gauges, buckets, losses and histograms as JSON. Every member has its name from the tables of
 * instrumentation/statistics/stats_block.h, src/events.h and model.h.
 */
#include "json.h"

#include <stdlib.h>

#include "common/error.h"

bool json_write(FILE *out, json_t *root) {
  const bool good = json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII) == 0 && fputc('\n', out) != EOF && fflush(out) == 0;
  json_decref(root);
  return good || fail("cannot write the JSON text");
}

static json_t *losses(const struct model_losses *from) {
  json_t *const object = json_object();
  MODEL_LOSSES(SET_MEMBER)
  return object;
}

json_t *json_of_counters(const struct stats_counters *from) {
  json_t *const object = json_object();
  STATS_COUNTERS(SET_MEMBER)
  return object;
}

static json_t *class_counters(const struct stats_class_counters *from) {
  json_t *const object = json_object();
  STATS_CLASS_COUNTERS(SET_MEMBER)
  return object;
}

static json_t *gauges(const struct model_gauges *from) {
  json_t *const object = json_object();
  MODEL_GAUGES(SET_MEMBER)
  return object;
}

json_t *json_of_buckets(const struct stats_buckets *from) {
  json_t *const object = json_object();
  STATS_BUCKETS(SET_MEMBER)
  return object;
}

static json_t *pins(const struct stats_pins *from) {
  json_t *const object = json_object();
  STATS_PINS(SET_MEMBER)
  return object;
}

static bool any_counter(const struct stats_class_counters *from) {
  uint64_t any = 0;
#define OR_MEMBER(name, meaning) any |= from->name;
  STATS_CLASS_COUNTERS(OR_MEMBER)
  return any != 0;
}

static json_t *classes(const struct report *r) {
  json_t *const array = json_array();
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct model_class *const c = &r->total->cls[cls];
    if (!any_counter(&c->counters) && c->gauge.active == 0) continue;
    char name[MODEL_CLASS_NAME];
    json_t *const object = json_object(), *const bins = json_array();
    set(object, "class", json_string(model_class_name(cls, name)));
    set(object, "stride", cls < CLASS_COUNT ? number(r->stride[cls]) : json_null());
    set(object, "counters", class_counters(&c->counters));
    set(object, "memory", gauges(&c->gauge));
    for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) json_array_append_new(bins, number(c->utilisation[i]));
    set(object, "utilisation", bins);
    set(object, "pins", cls < CLASS_COUNT && r->source != SOURCE_TRACE ? pins(&c->pins) : json_null());
    json_array_append_new(array, object);
  }
  return array;
}

/* ---- Histograms ---- */

static json_t *histogram(const struct histogram *h, const char *unit) {
  json_t *const object = json_object(), *const filled = json_array();
  set(object, "unit", json_string(unit));
  set(object, "count", number(h->count));
  set(object, "mean", json_real(histogram_mean(h)));
  set(object, "min", number(histogram_min(h)));
  set(object, "p50", number(histogram_quantile(h, 0.5)));
  set(object, "p90", number(histogram_quantile(h, 0.9)));
  set(object, "p99", number(histogram_quantile(h, 0.99)));
  set(object, "p99.9", number(histogram_quantile(h, 0.999)));
  set(object, "max", number(h->max));
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (h->bucket[i] == 0) continue;
    json_array_append_new(filled, json_pack("{sIsIsI}", "from", (json_int_t)histogram_lower(i), "to",
                                            (json_int_t)(i + 1 < HISTOGRAM_BUCKETS ? histogram_upper(i) : INT64_MAX), "count", (json_int_t)h->bucket[i]));
  }
  set(object, "buckets", filled);
  return object;
}

/* Adds the standard error of the mean, and what is one standard error around each quantile, if not every value was timed. */
static json_t *with_errors(json_t *object, struct timed timed, uint32_t cls, const struct histogram *h) {
  static const struct {
    const char *name;
    double quantile;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
  if (timed.how == TIMED_ALL) return object;
  json_t *const errors = json_object();
  for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
    const struct quantile_range range = timed_quantile(timed, cls, h, quantiles[i].quantile);
    json_t *const pair = json_array();
    json_array_append_new(pair, number(range.lower));
    json_array_append_new(pair, range.upper == UINT64_MAX ? json_null() : number(range.upper));
    set(errors, quantiles[i].name, pair);
  }
  set(object, "mean_error", json_real(timed_mean_error(timed, cls, h)));
  set(object, "errors", errors);
  return object;
}

static const struct timed all_timed = {TIMED_ALL, NULL, 0}, some_timed = {TIMED_SOME, NULL, 0};

/* {"all": ..., "classes": {"3": ...}}, NULL if the table is empty. */
static json_t *histograms(struct histogram *const table[CLASS_ROWS], const char *unit, struct timed timed) {
  struct histogram *const merged = model_merged(table);
  if (merged == NULL) return NULL;
  json_t *const object = json_object(), *const by_class = json_object();
  set(object, "all", with_errors(histogram(merged, unit), timed, CLASS_ROWS, merged));
  free(merged);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    char name[MODEL_CLASS_NAME];
    if (table[cls] == NULL || table[cls]->count == 0) continue;
    set(by_class, model_class_name(cls, name), with_errors(histogram(table[cls], unit), timed, cls, table[cls]));
  }
  set(object, "classes", by_class);
  return object;
}

static void set_if_any(json_t *object, const char *name, json_t *value) {
  if (value != NULL) set(object, name, value);
}

static json_t *stage(const struct histogram *h, const char *unit, unsigned stage) {
  return with_errors(histogram(h, unit), STAGE_IS_SAMPLED(stage) ? some_timed : all_timed, CLASS_ROWS, h);
}

static void set_estimate(json_t *object, const char *name, struct model_estimate e) {
  set(object, name, json_pack("{s:f, s:f}", "value", e.value, "error", e.error));
}

/* What the timed look-ups say of all. */
static json_t *lookups(const struct stats_counters *c) {
  json_t *const object = json_object();
  const uint64_t timed = model_lookups(c);
  set(object, "timed", number(timed));
  set_estimate(object, "hit", model_share(c->lookup_hit, timed));
  set_estimate(object, "legacy", model_share(c->lookup_legacy, timed));
  set_estimate(object, "foreign", model_share(c->lookup_foreign, timed));
  set_estimate(object, "first_probe", model_share(c->lookup_first_probe, timed));
  set_estimate(object, "probes", model_probes(c));
  return object;
}

static json_t *latencies(const struct report *r) {
  const struct model_latency *const l = &r->latency;
  json_t *const object = json_object(), *const lookup = json_object();
  const char *const unit = l->ticks ? "ticks" : "ns";
  for (unsigned s = 0; s < lookup_strategy_count; s++) {
    set_if_any(lookup, model_lookup_strategy_name(s), histograms(l->lookup[s], unit, some_timed));
  }
  set(object, "lookup", lookup);
  set(object, "lookups", lookups(&r->total->counters));
  set_if_any(object, "drain", histograms(l->drain, unit, all_timed));
  set_if_any(object, "refill", histograms(l->refill, unit, all_timed));
  json_t *const stages = json_object();
#define SET_STAGE(name, meaning) \
  if (l->stage[STAGE_##name] != NULL && l->stage[STAGE_##name]->count > 0) set(stages, #name, stage(l->stage[STAGE_##name], unit, STAGE_##name));
  REFILL_STAGES(SET_STAGE)
  set(object, "stages", stages);
  json_t *const spent = json_object(), *const spent_errors = json_object();
  double spent_in[STAGE_COUNT], errors[STAGE_COUNT];
  estimate_stages(r, spent_in, errors);
#define SET_SPENT(name, meaning) \
  set(spent, #name, json_real(spent_in[STAGE_##name])); \
  set(spent_errors, #name, json_real(errors[STAGE_##name]));
  REFILL_STAGES(SET_SPENT)
  set(object, "stages_spent", spent);
  set(object, "stages_spent_error", spent_errors);
  if (l->legacy != NULL && l->legacy->count > 0) set(object, "legacy", histogram(l->legacy, unit));
  if (l->map != NULL && l->map->count > 0) set(object, "map", histogram(l->map, unit));
  return object;
}

/* {"malloc": {"count": ..., "all": ..., "classes": ...}, ...}: kinds without calls are missing. */
static json_t *calls_of(const struct model_calls *calls) {
  json_t *const object = json_object();
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    double error, time_error;
    const uint64_t count = calls_count(calls, kind, &error);
    if (count == 0) continue;
    uint64_t timed = 0, sampled = 0, untimed = 0;
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      timed += calls->timed[kind][cls];
      sampled += calls->sampled[kind][cls];
      untimed += calls->untimed[kind][cls];
    }
    json_t *const one = json_object();
    set(one, "count", number(count));
    set(one, "count_error", json_real(error));
    set(one, "timed", number(timed));
    set(one, "sampled", number(sampled));
    set(one, "untimed", number(untimed));
    set(one, "time_ns", json_real(calls_time(calls, kind, &time_error)));
    set(one, "time_error", json_real(time_error));
    set_if_any(one, "latency", histograms(calls->times[kind], "ns", (struct timed){TIMED_CALLS, calls, kind}));
    set(object, model_call_kind(kind), one);
  }
  return object;
}

static json_t *hosts(const struct report *r) {
  json_t *const array = json_array();
  for (size_t i = 0; i < r->host_count; i++) {
    const struct model_host *const host = r->hosts[i];
    char name[MODEL_HOST];
    json_t *const object = json_object();
    set(object, "host", text(model_host_name(r, host, name)));
    set(object, "clock", text(host->clock));
    set(object, "live", json_boolean(host->is_live));
    set(object, "processes", number(host->processes));
    set(object, "unended", number(host->unended));
    set(object, "events", number(host->events));
    set(object, "start_ns", number(host->start_ns));
    set(object, "end_ns", number(host->end_ns));
    set(object, "lag_ns", host->has_lag ? json_integer(host->lag_ns) : json_null());
    set(object, "lost", losses(&host->lost));
    json_array_append_new(array, object);
  }
  return array;
}

json_t *json_of_figures(const struct report *r) {
  json_t *const object = json_object();
  set(object, "lost", losses(&r->lost));
  if (r->source == SOURCE_TRACE) {
    set(object, "events", number(r->events));
    set(object, "start_ns", number(r->host_count > 1 ? UNKNOWN : r->start_ns));
    set(object, "end_ns", number(r->host_count > 1 ? UNKNOWN : r->end_ns));
    set(object, "hosts", hosts(r));
  }
  if (r->counted > 0) set(object, "counted", number(r->counted));
  set(object, "counters", json_of_counters(&r->total->counters));
  set(object, "classes", classes(r));
  set(object, "latency", latencies(r));
  if (r->calls.known) set(object, "calls", calls_of(&r->calls));
  return object;
}
