/*
 * stats_model.c: from the block of a statistics file to the model. Every length, index and text is checked.
 */
#include "stats_model.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "plausible.h"

#define BUCKET_MAX ((uint64_t)1 << 47) /* no process counts this far, even if each free is traced for months; a row can have twice as much */

/*
 * Copies a histogram. A running process may be within a recording, so the count is set to the sum of the buckets. False if the buckets are
 * impossible; `place` NULL: only checks them.
 */
static bool take_histogram(struct histogram **place, const struct histogram *from) {
  struct histogram copy = *from;
  copy.count = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (copy.bucket[i] > BUCKET_MAX) return false;
    copy.count += copy.bucket[i];
  }
  if (copy.count > 0 && !plausible_histogram(&copy)) return false;
  if (copy.count == 0 || place == NULL) return true;
  if (histogram_min(&copy) > copy.max) copy.min_inverted = ~copy.max;
  histogram_merge(model_histogram(place), &copy);
  return true;
}

static bool take_row(struct histogram **place, struct histogram_row row) {
  struct histogram whole = {0};
  histogram_merge_row(&whole, row);
  return take_histogram(place, &whole);
}

#define PLACE(of) (l != NULL ? &l->of : NULL)

/* Copies all histograms; if `l` is NULL, only checks whether they are possible. */
static bool take_histograms(struct model_latency *l, struct stats_block *b) {
  bool good = take_row(PLACE(legacy), stats_timing(&b->timings, TIMING_LEGACY)) && take_row(PLACE(map), stats_timing(&b->timings, TIMING_MAP));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    good = good && take_row(PLACE(lookup[b->strategy][cls]), stats_span(&b->lookup, cls)) && take_row(PLACE(drain[cls]), stats_span(&b->drain, cls)) &&
           take_row(PLACE(refill[cls]), stats_span(&b->refill, cls));
  }
  for (unsigned stage = 0; stage < STAGE_COUNT; stage++) good = good && take_row(PLACE(stage[stage]), stats_timing(&b->timings, stage));
  return good;
}

/* Most rows of calls are, in most processes. A value of 0 leaves its trace in the first bucket alone. */
static bool is_empty(struct histogram_row row) {
  return row.head->count == 0 && row.head->sum == 0 && row.head->max == 0 && row.low[0] == 0 && row.high[0] == 0;
}

/* Fills in the histograms of calls. False if they are impossible. */
static bool take_call_times(struct calls_of_process *calls, struct stats_block *b) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      struct histogram *const both[] = {&calls->slow[kind][cls], &calls->fast[kind][cls]};
      const struct histogram_row rows[] = {stats_span(&b->call_times.slow[kind], cls), stats_span(&b->call_times.fast[kind], cls)};
      calls->squares[kind][cls] = rows[1].head->count;
      for (unsigned i = 0; i < 2; i++) {
        if (is_empty(rows[i])) continue;
        histogram_merge_row(both[i], rows[i]);
        if (!take_histogram(NULL, both[i])) return false;
        histogram_complete(both[i]);
        if (histogram_min(both[i]) > both[i]->max) both[i]->min_inverted = ~both[i]->max;
      }
    }
  }
  return true;
}

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* A forked child's inherited counts are its parent's: they are not counted twice. */
static void take_counts(struct model_process *p, const struct stats_block *b) {
  struct model_counts *const counts = p->counts;
  counts->counters = b->counters;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    struct model_class *const row = &counts->cls[cls];
    const struct stats_class_gauges *const g = &b->gauge[cls];
    const uint64_t stride = cls < CLASS_COUNT ? class_stride(cls) : 0;
    row->counters = b->cls[cls];
    if (b->inherited_allocs[cls] > 0) p->forked = true;
    row->counters.allocs = less(row->counters.allocs, b->inherited_allocs[cls]);
    row->counters.frees = less(row->counters.frees, b->inherited_frees[cls]);
    row->gauge = (struct model_gauges){.requested = g->requested,
                                       .requested_variance = cls < CLASS_COUNT ? stats_requested_variance(&b->cls[cls], g->live, stride) : 0,
                                       .allocated = g->allocated,
                                       .active = g->active,
                                       .cached = (g->cached_tls + g->cached_pool) * stride,
                                       .partial = g->partial * stride,
                                       .slabs = g->slabs};
    for (unsigned bin = 0; bin < STATS_UTILISATION_BINS; bin++) row->utilisation[bin] = b->utilisation[cls][bin];
    if (cls < CLASS_COUNT) row->pins = b->pins[cls];
  }
}

static void add_calls(struct report *r, const struct model_process *p, const struct calls_of_process *calls) {
  struct stats_class_counters *const counters = must_allocate(CLASS_ROWS * sizeof(*counters));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) counters[cls] = p->counts->cls[cls].counters;
  calls_add(&r->calls, calls, counters);
  r->calls.cpu_ns += p->cpu_ns;
  r->calls.elapsed_ns += p->elapsed_ns;
  free(counters);
}

static void take_stacks(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < STATS_STACKS; i++) {
    const struct stats_stack *const s = &b->stacks[i];
    if (s->id == 0) continue;
    if (s->frame_count > STATS_FRAMES) {
      (*invalid)++;
    } else {
      model_add_stack(p, &(struct model_stack){s->id, s->frame_count, (uint64_t *)s->frames, s->epoch, s->cut != 0});
    }
  }
  for (uint32_t i = 0; i < STATS_MODULES; i++) {
    struct stats_module m = b->modules[i];
    if (m.size != 0) model_add_module(p, &(struct model_module){m.base, m.size, m.offset, m.path, m.epoch, m.build_id, m.serves != 0});
  }
}

static void take_incidents(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < STATS_INCIDENTS; i++) {
    const struct stats_incident *const incident = &b->incidents[i];
    if (incident->kind == INCIDENT_NONE) continue;
    const uint32_t cls = stats_incident_key(incident).cls;
    if (incident->kind >= INCIDENT_KINDS || (cls >= CLASS_ROWS && cls != CLASS_NONE)) {
      (*invalid)++;
    } else {
      model_add_incident(p, incident);
    }
  }
}

#define LEAK_MAX ((uint64_t)1 << 48) /* the number of addresses */

static int by_length(const void *a, const void *b) {
  const struct stats_call *const x = a, *const y = b;
  return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

/* Also the stacks of the longest calls, which no other entry has. */
static void take_calls(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->cpu_ns = b->cpu_ns;
  p->calls_missed = b->calls_missed;
  p->calls = must_allocate(sizeof(b->calls));
  for (unsigned i = 0; i < STATS_CALLS; i++) {
    const struct stats_call *const call = &b->calls[i];
    if (call->ns == 0 || call->writing != 0) continue;
    if (call->kind >= CALL_KIND_COUNT || call->cls >= CLASS_ROWS || call->frame_count > STATS_FRAMES) (*invalid)++;
    else p->calls[p->call_count++] = *call;
  }
  qsort(p->calls, p->call_count, sizeof(*p->calls), by_length);
  for (size_t i = 0; i < p->call_count; i++) {
    struct stats_call *const call = &p->calls[i];
    if (call->frame_count == 0) continue;
    model_add_stack(p, &(struct model_stack){MODEL_CALL_STACK(i), call->frame_count, call->frames, call->epoch, call->cut != 0});
  }
}

static void take_leaks(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->leaks_checked = b->leaks_checked != 0;
  for (uint32_t i = 0; i < STATS_LEAKS && b->leaks[i].blocks != 0; i++) {
    const struct stats_leak *const leak = &b->leaks[i];
    if (leak->kind >= leak_kind_count || leak->bytes > LEAK_MAX || leak->blocks > LEAK_MAX) (*invalid)++;
    else model_add_leak(p, leak);
  }
}

#define FIGURE_MAX ((uint64_t)1 << 50) /* also above the milliseconds of all blocks */

static bool is_true(const struct stats_site *site) {
  bool good = true;
#define CHECK_FIGURE(name, text) \
  good = good && site->name >= 0 && site->name <= (strstr(#name, "variance") != NULL ? (double)FIGURE_MAX * (double)FIGURE_MAX : (double)FIGURE_MAX);
  STATS_SITE_FIGURES(CHECK_FIGURE)
  return good && site->oldest_ms <= FIGURE_MAX && (site->cls < CLASS_ROWS || site->cls == CLASS_NONE);
}

static bool is_true_profile(const struct stats_profile *profile) {
  if (profile->site_count > STATS_SITES || profile->waste > FIGURE_MAX || profile->pinned > FIGURE_MAX || profile->allocated > FIGURE_MAX) return false;
  bool good = is_true(&profile->rest);
  for (uint32_t i = 0; i < profile->site_count; i++) good = good && is_true(&profile->sites[i]);
  return good;
}

static void take_profiles(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->profile = b->profile;
  memcpy(p->settings, b->settings, sizeof(p->settings));
  for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) {
    const uint32_t place = b->profile_at[moment];
    if (place == 0) continue;
    if (place > sizeof(b->profiles) / sizeof(b->profiles[0]) || !is_true_profile(&b->profiles[place - 1])) {
      (*invalid)++;
      continue;
    }
    p->profiles[moment] = must_allocate(sizeof(*p->profiles[moment]));
    *p->profiles[moment] = b->profiles[place - 1];
  }
  if (p->profiles[PROFILE_LAST] == NULL) p->profiles[PROFILE_LAST] = p->profiles[PROFILE_PEAK], p->profiles[PROFILE_PEAK] = NULL;
}

/* Names end, and rows without bytes are behind all others. */
static struct stats_threads checked_threads(const struct stats_threads *from) {
  struct stats_threads threads = *from;
  for (unsigned i = 0; i < STATS_THREADS; i++) {
    threads.row[i].name[STATS_THREAD_NAME - 1] = '\0';
    if (i > 0 && threads.row[i].bytes > threads.row[i - 1].bytes) threads.row[i].bytes = threads.row[i - 1].bytes;
  }
  return threads;
}

static void take_heat(struct model_process *p, const struct stats_heat *heat) {
  p->heat = must_allocate(sizeof(*heat));
  *p->heat = *heat;
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void take_memory(struct model_process *p, const struct stats_block *b) {
  p->has_buckets = p->complete || b->snapshot_ns != 0;
  p->snapshot_ns = b->snapshot_ns;
  p->has_untouched = p->has_buckets && b->untouched_ns == b->snapshot_ns;
  p->buckets = b->buckets;
  p->mapped = b->mapped;
  p->committed = b->committed;
  p->untouched = b->untouched;
  p->rss = b->rss;
  p->rss_files = b->rss_files;
  p->rss_max = larger(b->rss, b->rss_max);
  p->superslabs_active = b->superslabs_active;
  p->superslabs_active_max = b->superslabs_active_max;
  p->idlest = b->idlest;
  memcpy(p->idlest_pins, b->idlest_pins, sizeof(p->idlest_pins));
  p->threads = checked_threads(&b->threads);
  p->idlest_threads = checked_threads(&b->idlest_threads);
  memcpy(p->mappings, b->mappings, sizeof(p->mappings));
  for (unsigned i = 0; i < STATS_MAPPINGS; i++) p->mappings[i].name[STATS_TEXT - 1] = '\0';
  p->legacy_refused_max = b->legacy_refused_max;
  p->timeline_has_buckets = true;
  for (uint32_t i = 0; i < b->timeline_length; i++) {
    model_add_moment(p, &b->timeline[i]);
    p->rss_max = larger(p->rss_max, b->timeline[i].rss);
  }
  if (p->rss_max == 0) p->rss_max = UNKNOWN;
}

static void replace_text(char **place, char *text, size_t size) {
  text[size - 1] = '\0';
  free(*place);
  *place = must_copy(text);
}

static void take_identity(struct model_process *p, struct stats_block *b) {
  p->pid = b->pid;
  p->parent_pid = b->parent_pid;
  replace_text(&p->program, b->program, sizeof(b->program));
  replace_text(&p->version, b->hakmem_version, sizeof(b->hakmem_version));
  replace_text(&p->host_name, b->host, sizeof(b->host));
  replace_text(&p->build_id, b->build_id, sizeof(b->build_id));
  p->complete = b->complete == 1;
  p->state = p->complete ? PROCESS_ENDED : b->exited == 1 ? PROCESS_EXITED : b->is_copy == 1 ? PROCESS_COPIED : PROCESS_CUT_SHORT;
  p->pid_namespace = b->pid_namespace;
  p->has_settings = true;
  p->full_tracing = b->full_tracing == 1;
  p->strategy = b->strategy;
  p->superslab_size = b->superslab_size;
  p->superslab_limit = b->superslab_limit;
  p->drain_interval = b->drain_interval;
  p->sample = b->sample;
  p->release_delay = b->release_delay;
  p->huge_pages = b->huge_pages;
  p->ticks_per_second = b->ticks_per_second;
  p->clock_cost_ns = b->clock_cost_ns;
  p->start_realtime_ns = b->start_realtime_ns;
  p->elapsed_ns = b->elapsed_ns;
  p->programs_replaced = b->programs_replaced;
}

static bool is_true_map(const struct stats_map *map) {
  if (map->superslab_count > STATS_MAP_SUPERSLABS || map->slab_count > STATS_MAP_SLABS) return false;
  for (uint32_t i = 0; i < map->slab_count; i++) {
    if (map->slab[i].superslab >= map->superslab_count) return false;
  }
  return map->superslab_count <= map->superslabs && map->slab_count <= map->slabs;
}

static void take_maps(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < b->map_count && i < STATS_MAPS; i++) {
    if (b->map_at[i] >= STATS_MAPS || !is_true_map(&b->maps[b->map_at[i]])) {
      ++*invalid;
      continue;
    }
    p->maps[p->map_count] = must_allocate(sizeof(struct stats_map));
    *p->maps[p->map_count++] = b->maps[b->map_at[i]];
  }
}

bool stats_model_add(struct report *r, struct stats_block *b, const char *path) {
  for (uint32_t i = 0; i < STATS_MODULES; i++) {
    b->modules[i].path[STATS_TEXT - 1] = '\0';
    b->modules[i].build_id[STATS_BUILD_ID - 1] = '\0';
  }
  if (b->strategy >= lookup_strategy_count || b->timeline_length > STATS_TIMELINE || b->heat.length > STATS_HEAT) {
    return fail("%s is damaged: a value in its header is out of range", path);
  }
  struct calls_of_process *const calls = must_allocate(sizeof(*calls));
  if (!take_histograms(NULL, b) || !take_call_times(calls, b)) { /* the report has nothing of this file */
    free(calls);
    return fail("%s is damaged: a histogram in it cannot be true", path);
  }
  take_histograms(&r->latency, b);
  struct model_process *const p = model_add_process(r);
  take_identity(p, b);
  take_counts(p, b);
  take_calls(p, b, &r->lost.invalid);
  add_calls(r, p, calls);
  free(calls);
  take_memory(p, b);
  take_heat(p, &b->heat);
  take_stacks(p, b, &r->lost.invalid);
  take_incidents(p, b, &r->lost.invalid);
  take_leaks(p, b, &r->lost.invalid);
  take_profiles(p, b, &r->lost.invalid);
  take_maps(p, b, &r->lost.invalid);
  r->lost.reentered += b->counters.reentered;
  r->lost.stacks_missed += b->stacks_missed;
  r->lost.modules_missed += b->modules_missed;
  r->lost.incidents_missed += b->incidents_missed;
  return true;
}
