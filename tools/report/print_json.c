/*
 * The page as JSON. Every member that stands for a counter, gauge, bucket or loss has the name that it has in the tables of
 * instrumentation/statistics/stats.h, src/events.h and model.h.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/demangle.h"
#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"
#include "print.h"
#include "model/symbolize.h"

/* jansson has signed integers; what goes beyond becomes a real number. UNKNOWN becomes null. */
static json_t *number(uint64_t value) {
  if (value == UNKNOWN) return json_null();
  return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

static json_t *text(const char *value) {
  if (value == NULL) return json_null();
  char *const valid = escape_invalid_utf8(value);
  json_t *const string = json_string(valid);
  free(valid);
  return string;
}

static json_t *address(uint64_t value) {
  char buffer[32];
  snprintf(buffer, sizeof(buffer), "0x%" PRIx64, value);
  return json_string(buffer);
}

static void set(json_t *object, const char *name, json_t *value) { json_object_set_new(object, name, value); }

#define SET_MEMBER(name, meaning) set(object, #name, number(from->name));

static json_t *losses(const struct model_losses *from) {
  json_t *const object = json_object();
  MODEL_LOSSES(SET_MEMBER)
  return object;
}

static json_t *counters(const struct stats_counters *from) {
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

static json_t *buckets(const struct stats_buckets *from) {
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
                                            (json_int_t)(i + 1 < HISTOGRAM_BUCKETS ? histogram_upper(i) : INT64_MAX), "count",
                                            (json_int_t)h->bucket[i]));
  }
  set(object, "buckets", filled);
  return object;
}

/* {"all": ..., "classes": {"3": ...}}, NULL where the table is empty. */
static json_t *histograms(struct histogram *const table[CLASS_ROWS], const char *unit) {
  struct histogram *const merged = model_merged(table);
  if (merged == NULL) return NULL;
  json_t *const object = json_object(), *const by_class = json_object();
  set(object, "all", histogram(merged, unit));
  free(merged);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    char name[MODEL_CLASS_NAME];
    if (table[cls] != NULL && table[cls]->count > 0) set(by_class, model_class_name(cls, name), histogram(table[cls], unit));
  }
  set(object, "classes", by_class);
  return object;
}

static void set_if_any(json_t *object, const char *name, json_t *value) {
  if (value != NULL) set(object, name, value);
}

static json_t *latencies(const struct model_latency *l) {
  json_t *const object = json_object(), *const lookup = json_object();
  const char *const unit = l->ticks ? "ticks" : "ns";
  for (unsigned s = 0; s < lookup_strategy_count; s++) {
    set_if_any(lookup, model_lookup_strategy_name(s), histograms(l->lookup[s], unit));
  }
  set(object, "lookup", lookup);
  set_if_any(object, "drain", histograms(l->drain, unit));
  set_if_any(object, "refill", histograms(l->refill, unit));
  json_t *const stages = json_object();
#define SET_STAGE(name, meaning) \
  if (l->stage[STAGE_##name] != NULL && l->stage[STAGE_##name]->count > 0) set(stages, #name, histogram(l->stage[STAGE_##name], unit));
  REFILL_STAGES(SET_STAGE)
  set(object, "stages", stages);
  if (l->legacy != NULL && l->legacy->count > 0) set(object, "legacy", histogram(l->legacy, unit));
  if (l->map != NULL && l->map->count > 0) set(object, "map", histogram(l->map, unit));
  return object;
}

/* ---- Processes ---- */

static json_t *timeline(const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const from = &p->timeline[i];
    json_t *const object = json_object();
#define MOMENT_MEMBERS(M) M(time_ns, "") M(requested, "") M(allocated, "") M(active, "") M(committed, "") M(mapped, "") M(rss, "")
    MOMENT_MEMBERS(SET_MEMBER)
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *symbol_object(const struct symbol *symbol, uint64_t at) {
  json_t *const object = json_object();
  set(object, "address", address(at));
  char *const function = symbol->function != NULL ? demangle(symbol->function) : NULL;
  set(object, "function", text(function));
  free(function);
  set(object, "file", text(symbol->file));
  set(object, "line", symbol->file != NULL ? json_integer(symbol->line) : json_null());
  set(object, "inlined", json_boolean(symbol->inlined));
  set(object, "module", text(symbol->module));
  set(object, "module_replaced", json_boolean(symbol->replaced));
  set(object, "offset", symbol->module != NULL ? address(symbol->offset) : json_null());
  return object;
}

static json_t *stack(const struct report *r, const struct model_process *p, uint32_t id) {
  const struct model_process *owner;
  const struct model_stack *const found = model_stack_of(r, NULL, p, id, &owner);
  if (found == NULL) return json_null();
  json_t *const frames = json_array();
  struct symbolizer *const symbolizer = symbolizer_create(r, owner);
  for (uint32_t i = 0; i < found->frame_count; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const size_t count = symbolize(symbolizer, found->frames[i], found->epoch, true, symbols);
    for (size_t k = 0; k < count; k++) json_array_append_new(frames, symbol_object(&symbols[k], found->frames[i]));
  }
  symbolizer_destroy(symbolizer);
  return frames;
}

static json_t *incident(const struct stats_incident *i) {
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(i->cls, name)));
  set(object, "count", number(i->count));
  set(object, "time_ns", number(i->time_ns));
  set(object, "stack_id", json_integer(i->stack));
  if (i->kind == INCIDENT_HDR_RESET) {
    set(object, "kind", json_string("hdr_reset"));
    set(object, "base", address(i->base));
    set(object, "left", address(i->left));
    set(object, "got", i->got != i->expect ? json_integer(i->got) : json_null());
    set(object, "expect", i->got != i->expect ? json_integer(i->expect) : json_null());
    set(object, "verdict", json_string(model_hdr_verdict_name(i->verdict)));
    set(object, "offset", number(i->offset));
    set(object, "over", number(i->over));
    set(object, "told", i->verdict == HDR_WRONG_SIZE ? number(i->told) : json_null());
    set(object, "size", i->size != 0 ? number(i->size) : json_null());
    set(object, "access", i->way != ACCESS_UNSEEN ? address(i->access) : json_null());
    set(object, "way", json_string(model_access_way_name(i->way)));
    set(object, "made", i->made != FAMILY_UNKNOWN ? json_string(model_block_family_name(i->made)) : json_null());
    set(object, "given", i->given != FAMILY_UNKNOWN ? json_string(model_block_family_name(i->given)) : json_null());
    set(object, "found", json_string(model_found_by_name(i->found)));
  } else {
    set(object, "kind", json_string("shared_fail"));
    set(object, "reason", json_string(model_fail_reason_name(i->reason)));
    set(object, "active", json_integer(i->active));
    set(object, "limit", json_integer(i->limit));
    set(object, "free_slabs", json_integer(i->free_slabs));
    set(object, "free_blocks", number(i->free_blocks));
    set(object, "units", number(i->units));
    set(object, "error", number(i->error));
    set(object, "own", number(i->own));
    set(object, "others", number(i->others));
    set(object, "batched", number(i->batched));
    set(object, "partial", number(i->partial));
    set(object, "slab_bytes", number(i->slab_bytes));
    set(object, "idle_bytes", number(i->idle_bytes));
    set(object, "holder", json_string(model_class_name(i->holder, name)));
    set(object, "holder_idle", number(i->holder_idle));
    set(object, "second", json_string(model_class_name(i->second, name)));
    set(object, "second_idle", number(i->second_idle));
    set(object, "holder_ms", number(i->holder_ms));
    set(object, "second_ms", number(i->second_ms));
  }
  return object;
}

/* Something that a thread did before an incident; null where nobody knows of it. */
static json_t *moment_before(uint32_t thread, uint64_t ago_ms) {
  if (thread == 0) return json_null();
  json_t *const object = json_object();
  set(object, "thread", json_integer(thread));
  set(object, "ago_ms", number(ago_ms));
  return object;
}

static json_t *with_stack(json_t *object, const struct report *r, const struct model_process *p, uint32_t id) {
  if (!json_is_object(object)) return object;
  set(object, "stack_id", json_integer(id));
  set(object, "stack", stack(r, p, id));
  return object;
}

static void set_past(json_t *object, const struct report *r, const struct model_process *p, const struct stats_incident *i) {
  set(object, "last_good", moment_before(i->good_thread, i->good_ago_ms));
  set(object, "allocated", with_stack(moment_before(i->alloc_thread, i->alloc_ago_ms), r, p, i->alloc_stack));
  set(object, "freed", with_stack(moment_before(i->free_thread, i->free_ago_ms), r, p, i->free_stack));
  set(object, "left_allocated", i->left_stack != 0 ? with_stack(json_object(), r, p, i->left_stack) : json_null());
}

static json_t *incidents(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->incident_count; i++) {
    json_t *const object = incident(&p->incidents[i]);
    set(object, "stack", stack(r, p, p->incidents[i].stack));
    if (p->incidents[i].kind == INCIDENT_HDR_RESET) set_past(object, r, p, &p->incidents[i]);
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *leaks(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->leak_count; i++) {
    json_t *const object = json_object();
    set(object, "kind", json_string(model_leak_kind_name(p->leaks[i].kind)));
    set(object, "bytes", number(p->leaks[i].bytes));
    set(object, "blocks", number(p->leaks[i].blocks));
    json_array_append_new(array, with_stack(object, r, p, p->leaks[i].stack));
  }
  return array;
}

static json_t *site(const struct report *r, const struct model_process *p, const struct stats_site *from) {
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(from->cls, name)));
  STATS_SITE_FIGURES(SET_MEMBER)
  set(object, "oldest_ms", number(from->oldest_ms));
  return with_stack(object, r, p, from->stack);
}

static json_t *profile(const struct report *r, const struct model_process *p, const struct stats_profile *from) {
  if (from == NULL) return json_null();
  json_t *const object = json_object(), *const sites = json_array();
  set(object, "time_ns", number(from->time_ns));
  set(object, "allocated", number(from->allocated));
  set(object, "waste", number(from->waste));
  set(object, "pinned", number(from->pinned));
  set(object, "pinned_slabs", number(from->pinned_slabs));
  for (uint32_t i = 0; i < from->site_count; i++) json_array_append_new(sites, site(r, p, &from->sites[i]));
  set(object, "sites", sites);
  set(object, "rest_count", number(from->rest_count));
  set(object, "rest", site(r, p, &from->rest));
  return object;
}

static json_t *profiles(const struct report *r, const struct model_process *p) {
  json_t *const object = json_object();
  set(object, "last", profile(r, p, p->profiles[PROFILE_LAST]));
  set(object, "peak", profile(r, p, p->profiles[PROFILE_PEAK]));
  set(object, "idlest", profile(r, p, p->profiles[PROFILE_IDLEST]));
  return object;
}

static void set_settings(json_t *object, const struct model_process *p) {
  json_t *const settings = json_object();
  set(settings, "strategy", json_string(model_lookup_strategy_name(p->strategy)));
  set(settings, "superslab_size", number(p->superslab_size));
  set(settings, "superslab_limit", number(p->superslab_limit));
  set(settings, "drain_interval", number(p->drain_interval));
  set(settings, "sample", number(p->sample));
  set(settings, "release_delay", number(p->release_delay));
  set(settings, "huge_pages", number(p->huge_pages));
  set(settings, "profile", number(p->profile));
  set(settings, "ticks_per_second", number(p->ticks_per_second));
  set(settings, "clock_cost_ns", number(p->clock_cost_ns));
  set(object, "settings", settings);
}

static void set_memory(json_t *object, const struct model_process *p) {
  uint64_t sum = 0;
  json_t *const memory = json_object();
#define SUM_MEMBER(name, meaning) sum += p->buckets.name;
  STATS_BUCKETS(SUM_MEMBER)
  set(memory, "buckets", buckets(&p->buckets));
  set(memory, "committed", number(p->committed));
  set(memory, "untouched", number(p->untouched));
  set(memory, "mapped", number(p->mapped));
  set(memory, "rss", number(p->rss));
  set(memory, "rss_files", number(p->rss_files));
  if (p->idlest.time_ns > 0) {
    json_t *const idlest = json_object();
    set(idlest, "time_ns", number(p->idlest.time_ns));
    set(idlest, "idle", number(p->idlest.idle));
    set(idlest, "allocated", number(p->idlest.allocated));
    set(idlest, "rss", number(p->idlest.rss));
    set(idlest, "buckets", buckets(&p->idlest.buckets));
    set(memory, "idlest", idlest);
  }
  set(memory, "residual", json_integer((json_int_t)(p->rss - (sum - p->untouched))));
  set(object, "memory", memory);
}

static json_t *process(const struct report *r, const struct model_process *p) {
  json_t *const object = json_object();
  set(object, "pid", number(p->pid));
  set(object, "parent_pid", p->parent_pid != 0 ? number(p->parent_pid) : json_null());
  set(object, "program", text(p->program));
  set(object, "version", text(p->version));
  char state[MODEL_STATE];
  set(object, "state", r->source == SOURCE_STATS ? json_string(model_state(p, state)) : json_null());
  set(object, "complete", r->source == SOURCE_STATS ? json_boolean(p->complete) : json_null());
  set(object, "full_tracing", r->source == SOURCE_STATS ? json_boolean(p->full_tracing) : json_null());
  set(object, "start_realtime_ns", number(p->start_realtime_ns));
  set(object, "elapsed_ns", number(p->elapsed_ns));
  set(object, "rss_max", number(p->rss_max));
  set(object, "superslabs_active", number(p->superslabs_active));
  set(object, "superslabs_active_max", number(p->superslabs_active_max));
  set(object, "legacy_refused_max", number(p->legacy_refused_max));
  if (p->has_settings) set_settings(object, p);
  if (p->has_buckets) set_memory(object, p);
  if (p->peak_active > 0) {
    json_t *const peak = json_object(), *const bins = json_array();
    set(peak, "time_ns", number(p->peak_ns));
    set(peak, "active", number(p->peak_active));
    for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) json_array_append_new(bins, number(p->peak_utilisation[i]));
    set(peak, "utilisation", bins);
    set(object, "peak", peak);
  }
  set(object, "counters", counters(&p->counts->counters));
  set(object, "timeline", timeline(p));
  set(object, "incidents", incidents(r, p));
  set(object, "leaks", leaks(r, p));
  if (p->profiles[PROFILE_LAST] != NULL) set(object, "profile", profiles(r, p));
  return object;
}

static json_t *report(const struct report *r) {
  json_t *const object = json_object(), *const processes = json_array();
  set(object, "lost", losses(&r->lost));
  if (r->source == SOURCE_TRACE) {
    set(object, "events", number(r->events));
    set(object, "start_ns", number(r->start_ns));
    set(object, "end_ns", number(r->end_ns));
  }
  set(object, "counters", counters(&r->total->counters));
  set(object, "classes", classes(r));
  set(object, "latency", latencies(&r->latency));
  for (size_t i = 0; i < r->process_count; i++) json_array_append_new(processes, process(r, r->processes[i]));
  set(object, "processes", processes);
  return object;
}

static json_t *unrecorded(const struct unrecorded_list *list) {
  json_t *const array = json_array();
  for (size_t i = 0; i < list->count; i++) {
    json_t *const object = json_object();
    set(object, "pid", number(list->entries[i].pid));
    set(object, "program", text(list->entries[i].program));
    set(object, "why", text(list->entries[i].why));
    json_array_append_new(array, object);
  }
  return array;
}

bool print_json(FILE *out, const struct page *page) {
  json_t *const root = json_object();
  set(root, "schema", json_integer(JSON_SCHEMA));
  set(root, "path", text(page->path));
  set(root, "not_recorded", unrecorded(&page->unrecorded));
  if (page->trace != NULL) set(root, "trace", report(page->trace));
  if (page->stats != NULL) set(root, "stats", report(page->stats));
  const int code = json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
  json_decref(root);
  if (code == 0) fputc('\n', out);
  return code == 0 || fail("cannot write the JSON text");
}
