/*
 * json_page.c: the page as JSON: its reports, and their processes.
 */
#include "json_process.h"

static void set_settings(json_t *object, const struct model_process *p) {
  json_t *const settings = json_object();
  set(settings, "strategy", json_string(model_lookup_strategy_name(p->strategy)));
  set(settings, "superslab_size", number(p->superslab_size));
  set(settings, "superslab_limit", number(p->superslab_limit));
  set(settings, "drain_interval", number(p->drain_interval));
  set(settings, "sample", number(p->sample));
  set(settings, "release_delay", number(p->release_delay));
  set(settings, "huge_pages", number(p->huge_pages));
  set(settings, "soft_limit", number(p->settings[SETTING_SOFT_LIMIT].value));
  set(settings, "profile", number(p->profile));
  set(settings, "profile_since_ns", number(p->settings[SETTING_PROFILE].since_ns));
  set(settings, "profile_is_on", json_boolean(p->settings[SETTING_PROFILE].value != 0));
  set(settings, "ticks_per_second", number(p->ticks_per_second));
  set(settings, "clock_cost_ns", number(p->clock_cost_ns));
  set(object, "settings", settings);
}

static json_t *json_merge(const struct model_process *p) {
  const struct model_merge *const merge = p->merge;
  json_t *const object = json_object(), *const states = json_object(), *const resets = json_object();
  set(object, "runs", number(merge->runs));
  set(object, "hosts", number(merge->hosts));
  set(object, "hosts_are_more", json_boolean(merge->hosts_are_more));
  set(object, "processes", number(model_merge_count(merge)));
#define SET_STATE(constant, name) set(states, name, number(merge->state[constant]));
  PROCESS_STATES(SET_STATE)
  set(object, "states", states);
  set(object, "failed", number(merge->failed));
  set(object, "killed", number(merge->killed));
  set(object, "longest_ns", number(merge->longest_ns));
  set(object, "end_realtime_ns", number(merge->end_ns));
  set(object, "rss_peaks", number(merge->rss_peaks));
  for (size_t i = 0; i < p->incident_count; i++) {
    set(resets, model_hdr_verdict_name(p->incidents[i].hdr_reset.verdict), number(p->incidents[i].count));
  }
  set(object, "header_resets", resets);
  set(object, "has_overflowed", json_boolean(merge->has_overflowed));
  return object;
}

static json_t *process(const struct report *r, const struct model_process *p) {
  json_t *const object = json_object();
  char host[MODEL_HOST];
  set(object, "pid", p->merge == NULL ? number(p->pid) : json_null());
  set(object, "parent_pid", p->parent_pid != 0 ? number(p->parent_pid) : json_null());
  set(object, "program", text(p->program));
  set(object, "version", text(p->version));
  if (p->host != NULL) set(object, "host", text(model_host_name(r, p->host, host)));
  else set(object, "host", p->merge == NULL ? text(p->host_name) : json_null());
  set(object, "merge", p->merge != NULL ? json_merge(p) : json_null());
  set(object, "build_id", text(p->build_id));
  char state[MODEL_STATE];
  set(object, "state", r->source == SOURCE_STATS ? json_string(model_state(p, state)) : json_null());
  const bool alive = r->source == SOURCE_STATS && model_is_alive(p);
  set(object, "read_from", alive ? json_string(p->is_present ? "memory" : "file") : json_null());
  set(object, "age_ns", alive ? number(p->is_present ? 0 : p->age_ns) : json_null());
  set(object, "complete", r->source == SOURCE_STATS ? json_boolean(p->complete) : json_null());
  set(object, "full_tracing", r->source == SOURCE_STATS ? json_boolean(p->full_tracing) : json_null());
  set(object, "start_realtime_ns", number(p->start_realtime_ns));
  set(object, "elapsed_ns", number(p->elapsed_ns));
  set(object, "lived_ns", number(p->lived_ns != 0 ? p->lived_ns : UNKNOWN));
  set(object, "cut", r->source == SOURCE_STATS ? json_boolean(model_is_cut(p)) : json_null());
  set(object, "programs_replaced", r->source == SOURCE_STATS ? number(p->programs_replaced) : json_null());
  set(object, "cpu_ns", r->source == SOURCE_STATS ? number(p->cpu_ns) : json_null());
  set(object, "allocs", r->source == SOURCE_STATS ? number(model_sum_allocs(p->counts)) : json_null());
  set(object, "frees", r->source == SOURCE_STATS ? number(model_sum_frees(p->counts)) : json_null());
  set(object, "rss_max", number(p->rss_max));
  set(object, "rss_max_is_whole", r->source == SOURCE_STATS ? json_boolean(!model_is_cut(p) || p->rss_max_is_whole) : json_null());
  set(object, "superslabs_active", number(p->superslabs_active));
  set(object, "superslabs_active_max", number(p->superslabs_active_max));
  set(object, "legacy_refused_max", number(p->legacy_refused_max));
  if (p->has_settings) set_settings(object, p);
  if (p->has_buckets) set(object, "memory", json_memory(p));
  if (p->peak_active > 0) {
    json_t *const peak = json_object(), *const bins = json_array();
    set(peak, "time_ns", number(p->peak_ns));
    set(peak, "active", number(p->peak_active));
    for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) json_array_append_new(bins, number(p->peak_utilisation[i]));
    set(peak, "utilisation", bins);
    set(object, "peak", peak);
  }
  set(object, "counters", json_of_counters(&p->counts->counters));
  set(object, "timeline", json_timeline(p));
  if (p->heat != NULL) set(object, "heat", json_heat(p));
  set(object, "incidents", json_incidents(r, p));
  set(object, "leaks", json_leaks(r, p));
  set(object, "leaks_checked", json_boolean(p->leaks_checked));
  if (r->source == SOURCE_STATS) set(object, "longest_calls", json_longest_calls(r, p));
  if (p->profiles[PROFILE_LAST] != NULL) set(object, "profile", json_profiles(r, p));
  return object;
}

static json_t *report(const struct report *r) {
  json_t *const object = json_of_figures(r), *const processes = json_array();
  for (size_t i = 0; i < r->process_count; i++) json_array_append_new(processes, process(r, r->processes[i]));
  set(object, "processes", processes);
  return object;
}

static json_t *groups(const struct page *page) {
  json_t *const array = json_array();
  size_t count;
  struct group_row *const rows = groups_of(page, &count);
  for (size_t i = 0; i < count; i++) {
    json_t *const object = json_object();
    set(object, "name", text(rows[i].name));
    set(object, "processes", number(rows[i].processes));
#define SET_FIGURE(figure) set(object, #figure, number(rows[i].figure));
    GROUP_FIGURES(SET_FIGURE)
    json_array_append_new(array, object);
  }
  groups_free(rows, count);
  return array;
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
  for (size_t i = 0; i < r->process_count; i++) {
    json_t *const object = json_array_get(processes, i);
    set(object, "slab_maps", json_slab_maps(r->processes[i]));
    set(object, "slab_stacks", json_slab_stacks(r, r->processes[i]));
  }
}

json_t *json_of_page(const struct page *page) {
  json_t *const root = json_object();
  set(root, "schema", json_integer(JSON_SCHEMA));
  set(root, "path", text(page->path));
  set(root, "not_recorded", unrecorded(&page->unrecorded));
  if (page->trace != NULL) set(root, "trace", report(page->trace));
  if (page->stats != NULL) set(root, "stats", report(page->stats));
  if (page->flight != NULL || page->flight_failure != NULL) set(root, "flight", json_flight(page));
  if (page->by != GROUP_BY_NOTHING) {
    set(root, "by", json_string(group_by_name(page->by)));
    set(root, "groups", groups(page));
  }
  if (page->stats != NULL && page->slab_maps) add_slab_maps(json_object_get(json_object_get(root, "stats"), "processes"), page->stats);
  return root;
}
