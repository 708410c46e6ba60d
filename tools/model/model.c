#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

struct report *model_create(enum source source, const char *path) {
  struct report *const r = must_allocate(sizeof(*r));
  r->source = source;
  r->path = must_copy(path);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) r->stride[cls] = class_stride(cls);
  return r;
}

void model_destroy_process(struct model_process *p) {
  for (size_t i = 0; i < p->stack_count; i++) free(p->stacks[i].frames);
  for (size_t i = 0; i < p->module_count; i++) {
    free(p->modules[i].path);
    free(p->modules[i].build_id);
  }
  free(p->program);
  free(p->version);
  free(p->host_name);
  free(p->merge);
  free(p->build_id);
  free(p->counts);
  free(p->timeline);
  free(p->heat);
  free(p->stacks);
  free(p->modules);
  free(p->incidents);
  free(p->leaks);
  free(p->allocations);
  free(p->spans);
  free(p->calls);
  for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) free(p->profiles[moment]);
  for (size_t i = 0; i < p->map_count; i++) free(p->maps[i]);
  free(p);
}

void model_destroy(struct report *r) {
  if (r == NULL) return;
  for (size_t i = 0; i < r->process_count; i++) model_destroy_process(r->processes[i]);
  for (size_t i = 0; i < r->host_count; i++) {
    free(r->hosts[i]->name);
    free(r->hosts[i]->clock);
    free(r->hosts[i]);
  }
  free(r->hosts);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned s = 0; s < lookup_strategy_count; s++) free(r->latency.lookup[s][cls]);
    free(r->latency.drain[cls]);
    free(r->latency.refill[cls]);
  }
  for (unsigned stage = 0; stage < STAGE_COUNT; stage++) free(r->latency.stage[stage]);
  free(r->latency.legacy);
  free(r->latency.map);
  calls_free(&r->calls);
  free(r->processes);
  free(r->total);
  free(r->path);
  free(r);
}

struct model_process *model_add_process(struct report *r) {
  r->processes = must_grow(r->processes, r->process_count, &r->process_capacity, sizeof(*r->processes));
  struct model_process *const p = must_allocate(sizeof(*p));
  p->program = must_copy("");
  p->version = must_copy("");
  p->host_name = must_copy("");
  p->build_id = must_copy("");
  p->counts = must_allocate(sizeof(*p->counts));
  p->rss_max = UNKNOWN;
  p->exit_code = p->end_signal = -1;
  r->processes[r->process_count++] = p;
  return p;
}

void model_add_moment(struct model_process *p, const struct stats_moment *moment) {
  p->timeline = must_grow(p->timeline, p->timeline_length, &p->timeline_capacity, sizeof(*p->timeline));
  p->timeline[p->timeline_length++] = *moment;
}

static bool redacts;

void model_redact(void) { redacts = true; }
bool model_redacts(void) { return redacts; }

static void redact(struct stats_incident *incident) {
  if (!redacts || incident->kind != INCIDENT_HDR_RESET) return;
  incident->hdr_reset.got = incident->hdr_reset.expect;
  incident->hdr_reset.word = 0;
}

void model_add_incident(struct model_process *p, const struct stats_incident *incident) {
  for (size_t i = 0; i < p->incident_count; i++) {
    struct stats_incident *const old = &p->incidents[i];
    if (!stats_incident_is_same(old, incident)) continue;
    old->count += incident->count;
    if (old->kind == INCIDENT_SHARED_FAIL && old->shared_fail.units < incident->shared_fail.units) old->shared_fail.units = incident->shared_fail.units;
    return;
  }
  p->incidents = must_grow(p->incidents, p->incident_count, &p->incident_capacity, sizeof(*p->incidents));
  p->incidents[p->incident_count] = *incident;
  redact(&p->incidents[p->incident_count++]);
}

static int by_duration(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void drop_short_spans(struct model_process *p) {
  uint64_t *const durations = must_allocate(p->span_count * sizeof(*durations));
  for (size_t i = 0; i < p->span_count; i++) durations[i] = p->spans[i].duration_ns;
  qsort(durations, p->span_count, sizeof(*durations), by_duration);
  p->span_floor = durations[p->span_count / 2];
  free(durations);
  size_t kept = 0;
  for (size_t i = 0; i < p->span_count; i++) {
    if (p->spans[i].duration_ns > p->span_floor) p->spans[kept++] = p->spans[i];
  }
  p->spans_dropped += p->span_count - kept;
  p->span_count = kept;
}

void model_add_span(struct model_process *p, const struct model_span *span) {
  if (p->span_count == MODEL_SPANS_MAX) drop_short_spans(p);
  if (p->span_floor > 0 && span->duration_ns <= p->span_floor) {
    p->spans_dropped++;
    return;
  }
  p->spans = must_grow(p->spans, p->span_count, &p->span_capacity, sizeof(*p->spans));
  p->spans[p->span_count++] = *span;
}

void model_add_leak(struct model_process *p, const struct stats_leak *leak) {
  p->leaks_checked = true;
  p->leaks = must_grow(p->leaks, p->leak_count, &p->leak_capacity, sizeof(*p->leaks));
  p->leaks[p->leak_count++] = *leak;
}

struct model_host *model_host_of(struct report *r, const char *name, const char *clock) {
  for (size_t i = 0; i < r->host_count; i++) {
    if (strcmp(r->hosts[i]->name, name) == 0 && strcmp(r->hosts[i]->clock, clock) == 0) return r->hosts[i];
  }
  r->hosts = must_grow(r->hosts, r->host_count, &r->host_capacity, sizeof(struct model_host *));
  struct model_host *const host = must_allocate(sizeof(*host));
  *host = (struct model_host){.name = must_copy(name), .clock = must_copy(clock)};
  return r->hosts[r->host_count++] = host;
}

void model_add_stack(struct model_process *p, const struct model_stack *stack) {
  if (stack->id == 0 || model_find_stack(p, stack->id) != NULL) return;
  p->stacks = must_grow(p->stacks, p->stack_count, &p->stack_capacity, sizeof(*p->stacks));
  uint64_t *const copy = must_allocate(stack->frame_count * sizeof(*copy));
  if (stack->frame_count > 0) memcpy(copy, stack->frames, stack->frame_count * sizeof(*copy));
  p->stacks[p->stack_count] = *stack;
  p->stacks[p->stack_count++].frames = copy;
}

void model_add_module(struct model_process *p, const struct model_module *module) {
  for (size_t i = 0; i < p->module_count; i++) {
    struct model_module *const old = &p->modules[i];
    if (old->base != module->base || old->epoch != module->epoch || strcmp(old->path, module->path) != 0) continue;
    old->serves = old->serves || module->serves;
    return; /* told again */
  }
  p->modules = must_grow(p->modules, p->module_count, &p->module_capacity, sizeof(*p->modules));
  struct model_module *const new = &p->modules[p->module_count++];
  *new = *module;
  new->path = must_copy(module->path);
  new->build_id = must_copy(module->build_id);
}

struct histogram *model_histogram(struct histogram **place) {
  if (*place == NULL) *place = must_allocate(sizeof(**place));
  return *place;
}

/* Structures of only uint64_t are added member by member. */
static void add_words(void *into, const void *from, size_t size) {
  uint64_t *const a = into;
  const uint64_t *const b = from;
  for (size_t i = 0; i < size / sizeof(uint64_t); i++) a[i] += b[i];
}

void model_finish(struct report *r) {
  static_assert(sizeof(struct model_counts) % sizeof(uint64_t) == 0, "counts are words");
  free(r->total);
  r->total = must_allocate(sizeof(*r->total));
  for (size_t i = 0; i < r->process_count; i++) add_words(r->total, r->processes[i]->counts, sizeof(*r->total));
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) { /* the only figure that is not a sum */
    uint64_t *const longest = &r->total->cls[cls].pins.longest_ms;
    *longest = 0;
    for (size_t i = 0; i < r->process_count; i++) {
      const uint64_t one = r->processes[i]->counts->cls[cls].pins.longest_ms;
      if (one > *longest) *longest = one;
    }
  }
}
