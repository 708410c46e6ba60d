/*
 * print_json.c: the page as JSON: its processes, with their incidents, leaks and call sites. The figures are in json_figures.c.
 */
#include <stdlib.h>
#include <string.h>

#include "json_figures.h"
#include "model/demangle.h"
#include "model/symbolize.h"
#include "print.h"

/* ---- Processes ---- */

static json_t *timeline(const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const from = &p->timeline[i];
    json_t *const object = json_object();
#define MOMENT_MEMBERS(M) M(time_ns, "") M(requested, "") M(allocated, "") M(active, "") M(committed, "") M(mapped, "") M(rss, "")
    MOMENT_MEMBERS(SET_MEMBER)
    set(object, "buckets", p->timeline_has_buckets ? json_buckets(&from->buckets) : json_null());
    json_array_append_new(array, object);
  }
  return array;
}

/* What happened from one column to the next; the counts may have gone round. */
static json_t *heat_column(uint64_t from_ns, uint64_t to_ns, const struct stats_heat_counts *before, const struct stats_heat_counts *after) {
  json_t *const column = json_object(), *const counts = json_object();
  set(column, "from_ns", number(from_ns));
  set(column, "to_ns", number(to_ns));
#define SET_HEAT(kind, text) \
  json_t *const kind##_counts = json_array(); \
  for (unsigned row = 0; row < STATS_HEAT_ROWS; row++) { \
    json_array_append_new(kind##_counts, number((uint32_t)(after->count[HEAT_##kind][row] - before->count[HEAT_##kind][row]))); \
  } \
  set(counts, #kind, kind##_counts);
  STATS_HEAT_KINDS(SET_HEAT)
  set(column, "counts", counts);
  return column;
}

static json_t *heat(const struct model_process *p) {
  const struct stats_heat *const h = p->heat;
  json_t *const object = json_object(), *const from = json_array(), *const columns = json_array();
  const struct stats_heat_counts none = {0}, *before = &none;
  uint64_t from_ns = 0;
  for (unsigned row = 0; row < STATS_HEAT_ROWS; row++) json_array_append_new(from, number(row == 0 ? 0 : (uint64_t)1 << (row - 1)));
  for (uint32_t i = 0; i < h->length; i++) {
    json_array_append_new(columns, heat_column(from_ns, h->column[i].time_ns, before, &h->column[i].counts));
    before = &h->column[i].counts;
    from_ns = h->column[i].time_ns;
  }
  if (memcmp(before, &h->now, sizeof(*before)) != 0) json_array_append_new(columns, heat_column(from_ns, p->elapsed_ns, before, &h->now));
  set(object, "from", from);
  set(object, "columns", columns);
  return object;
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

static json_t *frames_of(const struct report *r, const struct model_process *owner, const struct model_stack *found) {
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

/* Fields of incidents that have another place in the JSON (set_past, incident), or none. */
static bool is_elsewhere(const char *field) {
  static const char *const fields[] = {"cls",          "stack",       "count",       "slab",        "good_thread", "good_ago_ms", "alloc_thread",
                                       "alloc_ago_ms", "alloc_stack", "free_thread", "free_ago_ms", "free_stack",  "left_stack"};
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    if (strcmp(field, fields[i]) == 0) return true;
  }
  return false;
}

static void set_field(json_t *object, const char *field, json_t *value) {
  if (is_elsewhere(field)) json_decref(value);
  else set(object, field, value);
}

#define F_PTR(f) set_field(object, #f, address((uintptr_t)e->f));
#define F_U32(f) set_field(object, #f, json_integer(e->f));
#define F_U64(f) set_field(object, #f, number(e->f));
#define F_BYTES(f) F_U64(f)
#define F_BYTE(f) F_U32(f)
#define F_CLS(f) set_field(object, #f, json_string(model_class_name(e->f, name)));
#define F_ENUM(f, of) set_field(object, #f, json_string(model_##of##_name(e->f)));

static void set_unknown(json_t *object, const char *field, bool unknown) {
  if (unknown) set(object, field, json_null());
}

static void set_hdr_reset(json_t *object, const struct event_hdr_reset *e) {
  char name[MODEL_CLASS_NAME];
  FIELDS_hdr_reset set_unknown(object, "got", e->got == e->expect);
  set_unknown(object, "expect", e->got == e->expect);
  set_unknown(object, "told", e->verdict != HDR_WRONG_SIZE);
  set_unknown(object, "size", e->size == 0);
  set_unknown(object, "checked_ago", e->checked_ago == 0);
  set_unknown(object, "access", e->way == ACCESS_UNSEEN);
  set_unknown(object, "made", e->made == FAMILY_UNKNOWN);
  set_unknown(object, "given", e->given == FAMILY_UNKNOWN);
}

static void set_shared_fail(json_t *object, const struct event_shared_fail *e) {
  char name[MODEL_CLASS_NAME];
  FIELDS_shared_fail
}

static json_t *incident(const struct stats_incident *i) {
  const struct stats_incident_key key = stats_incident_key(i);
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(key.cls, name)));
  set(object, "count", number(i->count));
  set(object, "time_ns", number(i->time_ns));
  set(object, "kind", json_string(i->kind == INCIDENT_HDR_RESET ? "hdr_reset" : "shared_fail"));
  if (i->kind == INCIDENT_HDR_RESET) set_hdr_reset(object, &i->hdr_reset);
  else set_shared_fail(object, &i->shared_fail);
  return object;
}

/* An action of a thread before an incident; null if it is unknown. */
static json_t *moment_before(uint32_t thread, uint64_t ago_ms) {
  if (thread == 0) return json_null();
  json_t *const object = json_object();
  set(object, "thread", json_integer(thread));
  set(object, "ago_ms", number(ago_ms));
  return object;
}

static json_t *with_stack(json_t *object, const struct report *r, const struct model_process *p, uint32_t id) {
  if (!json_is_object(object)) return object;
  const struct model_process *owner;
  const struct model_stack *const found = model_stack_of(r, NULL, p, id, &owner);
  set(object, "stack_id", json_integer(id));
  set(object, "stack", found != NULL ? frames_of(r, owner, found) : json_null());
  set(object, "stack_cut", found != NULL ? json_boolean(found->is_cut) : json_null());
  return object;
}

static void set_past(json_t *object, const struct report *r, const struct model_process *p, const struct event_hdr_reset *e) {
  set(object, "last_good", moment_before(e->good_thread, e->good_ago_ms));
  set(object, "allocated", with_stack(moment_before(e->alloc_thread, e->alloc_ago_ms), r, p, e->alloc_stack));
  set(object, "freed", with_stack(moment_before(e->free_thread, e->free_ago_ms), r, p, e->free_stack));
  set(object, "left_allocated", e->left_stack != 0 ? with_stack(json_object(), r, p, e->left_stack) : json_null());
}

static json_t *incidents(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->incident_count; i++) {
    json_t *const object = with_stack(incident(&p->incidents[i]), r, p, stats_incident_key(&p->incidents[i]).stack);
    if (p->incidents[i].kind == INCIDENT_HDR_RESET) set_past(object, r, p, &p->incidents[i].hdr_reset);
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

static json_t *longest_calls(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->call_count; i++) {
    const struct stats_call *const call = &p->calls[i];
    char name[MODEL_CLASS_NAME];
    json_t *const object = json_object(), *const stages = json_object();
    uint64_t rest = call->ns;
    set(object, "kind", json_string(model_call_kind(call->kind)));
    set(object, "class", json_string(model_class_name(call->cls, name)));
    set(object, "size", call->size != 0 ? number(call->size) : json_null());
    set(object, "ns", number(call->ns));
    set(object, "time_ns", number(call->time_ns));
    set(object, "thread", json_integer(call->tid));
    for (unsigned stage = 0; stage < CALL_STAGE_COUNT; stage++) {
      set(stages, model_call_stage(stage), number(call->stage[stage]));
      rest -= call->stage[stage] < rest ? call->stage[stage] : rest;
    }
    set(stages, "rest", number(rest));
    set(object, "stages", stages);
    json_array_append_new(array, with_stack(object, r, p, call->frame_count > 0 ? MODEL_CALL_STACK(i) : 0));
  }
  return array;
}

static json_t *site(const struct report *r, const struct model_process *p, const struct stats_site *from) {
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(from->cls, name)));
#define SET_ESTIMATE(name, meaning) set(object, #name, json_real(from->name));
  STATS_SITE_FIGURES(SET_ESTIMATE)
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
  set(settings, "profile_since_ns", number(p->settings[SETTING_PROFILE].since_ns));
  set(settings, "profile_is_on", json_boolean(p->settings[SETTING_PROFILE].value != 0));
  set(settings, "ticks_per_second", number(p->ticks_per_second));
  set(settings, "clock_cost_ns", number(p->clock_cost_ns));
  set(object, "settings", settings);
}

static json_t *threads(const struct stats_threads *from) {
  json_t *const object = json_object(), *const rows = json_array();
  for (unsigned i = 0; i < STATS_THREADS && from->row[i].bytes > 0; i++) {
    const struct stats_thread *const t = &from->row[i];
    json_t *const row = json_object();
    set(row, "tid", t->tid != 0 ? number(t->tid) : json_null());
    set(row, "name", text(t->name));
    set(row, "bytes", number(t->bytes));
    set(row, "idle_ms", number(t->idle_ms));
    json_array_append_new(rows, row);
  }
  set(object, "count", number(from->count));
  set(object, "largest", rows);
  return object;
}

static json_t *mappings(const struct stats_mapping *from) {
  json_t *const array = json_array();
  for (unsigned i = 0; i < STATS_MAPPINGS && from[i].name[0] != '\0'; i++) {
    json_t *const object = json_object();
    set(object, "name", text(from[i].name));
    set(object, "resident", number(from[i].resident));
    json_array_append_new(array, object);
  }
  return array;
}

static void set_memory(json_t *object, const struct model_process *p) {
  uint64_t sum = 0;
  json_t *const memory = json_object();
#define SUM_MEMBER(name, meaning) sum += p->buckets.name;
  STATS_BUCKETS(SUM_MEMBER)
  set(memory, "buckets", json_buckets(&p->buckets));
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
    set(idlest, "buckets", json_buckets(&p->idlest.buckets));
    set(memory, "idlest", idlest);
  }
  set(memory, "threads", threads(&p->threads));
  set(memory, "mappings", mappings(p->mappings));
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
  const bool alive = r->source == SOURCE_STATS && model_is_alive(p);
  set(object, "read_from", alive ? json_string(p->is_present ? "memory" : "file") : json_null());
  set(object, "age_ns", alive ? number(p->is_present ? 0 : p->age_ns) : json_null());
  set(object, "complete", r->source == SOURCE_STATS ? json_boolean(p->complete) : json_null());
  set(object, "full_tracing", r->source == SOURCE_STATS ? json_boolean(p->full_tracing) : json_null());
  set(object, "start_realtime_ns", number(p->start_realtime_ns));
  set(object, "elapsed_ns", number(p->elapsed_ns));
  set(object, "cpu_ns", r->source == SOURCE_STATS ? number(p->cpu_ns) : json_null());
  set(object, "allocs", r->source == SOURCE_STATS ? number(model_sum_allocs(p->counts)) : json_null());
  set(object, "frees", r->source == SOURCE_STATS ? number(model_sum_frees(p->counts)) : json_null());
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
  set(object, "counters", json_counters(&p->counts->counters));
  set(object, "timeline", timeline(p));
  if (p->heat != NULL) set(object, "heat", heat(p));
  set(object, "incidents", incidents(r, p));
  set(object, "leaks", leaks(r, p));
  set(object, "leaks_checked", json_boolean(p->leaks_checked));
  if (r->source == SOURCE_STATS) set(object, "longest_calls", longest_calls(r, p));
  if (p->profiles[PROFILE_LAST] != NULL) set(object, "profile", profiles(r, p));
  return object;
}

json_t *json_of_figures(const struct report *r) {
  json_t *const object = json_object();
  set(object, "lost", json_losses(&r->lost));
  if (r->source == SOURCE_TRACE) {
    set(object, "events", number(r->events));
    set(object, "start_ns", number(r->start_ns));
    set(object, "end_ns", number(r->end_ns));
  }
  set(object, "counters", json_counters(&r->total->counters));
  set(object, "classes", json_classes(r));
  set(object, "latency", json_latencies(r));
  if (r->calls.known) set(object, "calls", json_calls(&r->calls));
  return object;
}

static json_t *report(const struct report *r) {
  json_t *const object = json_of_figures(r), *const processes = json_array();
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

static void add_slab_maps(json_t *processes, const struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) set(json_array_get(processes, i), "slab_maps", json_slab_maps(r->processes[i]));
}

json_t *json_of_page(const struct page *page) {
  json_t *const root = json_object();
  set(root, "schema", json_integer(JSON_SCHEMA));
  set(root, "path", text(page->path));
  set(root, "not_recorded", unrecorded(&page->unrecorded));
  if (page->trace != NULL) set(root, "trace", report(page->trace));
  if (page->stats != NULL) set(root, "stats", report(page->stats));
  if (page->stats != NULL && page->slab_maps) add_slab_maps(json_object_get(json_object_get(root, "stats"), "processes"), page->stats);
  return root;
}
