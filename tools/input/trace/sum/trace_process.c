/*
 * trace_process.c: two parts of one process become one. A child's first events after fork are in the buffers of its parent, which another worker reads.
 */
#include "trace_process.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static void add_words(void *into, const void *from, size_t size) {
  uint64_t *const a = into;
  const uint64_t *const b = from;
  for (size_t i = 0; i < size / sizeof(uint64_t); i++) a[i] += b[i];
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Counters add up; gauges are those of the later part, if it has any. */
static void join_counts(struct model_process *into, const struct model_process *from) {
  const bool has_gauges = from->timeline_length > 0;
  add_words(&into->counts->counters, &from->counts->counters, sizeof(into->counts->counters));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    struct model_class *const to = &into->counts->cls[cls];
    const struct model_class *const c = &from->counts->cls[cls];
    add_words(&to->counters, &c->counters, sizeof(to->counters));
    if (!has_gauges) continue;
    to->gauge = c->gauge;
    memcpy(to->utilisation, c->utilisation, sizeof(to->utilisation));
  }
}

#define SETTINGS(S) S(strategy) S(superslab_size) S(superslab_limit) S(drain_interval) S(sample) S(release_delay) S(huge_pages)

static void join_figures(struct model_process *into, const struct model_process *from, uint64_t shift_ns) {
  const struct stats_counters *const c = &from->counts->counters;
  if (c->superslab_acquire + c->superslab_release > 0) into->superslabs_active = from->superslabs_active;
  into->complete = from->complete;
  into->superslabs_active_max = larger(into->superslabs_active_max, from->superslabs_active_max);
  into->legacy_refused_max = larger(into->legacy_refused_max, from->legacy_refused_max);
  if (from->peak_active > into->peak_active) {
    into->peak_active = from->peak_active;
    into->peak_ns = from->peak_ns + shift_ns;
    memcpy(into->peak_utilisation, from->peak_utilisation, sizeof(into->peak_utilisation));
  }
  if (!from->has_settings) return;
  into->has_settings = true;
#define COPY_SETTING(name) into->name = from->name;
  SETTINGS(COPY_SETTING)
  if (from->ticks_per_second == 0) return;
  into->ticks_per_second = from->ticks_per_second;
  into->clock_cost_ns = from->clock_cost_ns;
}

static void replace_text(char **into, const char *from) {
  if (*from == '\0') return;
  free(*into);
  *into = must_copy(from);
}

static void join_lists(struct model_process *into, const struct model_process *from, uint64_t shift_ns) {
  for (size_t i = 0; i < from->timeline_length; i++) {
    struct stats_moment moment = from->timeline[i];
    moment.time_ns += shift_ns;
    model_add_moment(into, &moment);
  }
  for (size_t i = 0; i < from->incident_count; i++) {
    struct stats_incident incident = from->incidents[i];
    incident.time_ns += shift_ns;
    model_add_incident(into, &incident);
  }
  for (size_t i = 0; i < from->leak_count; i++) model_add_leak(into, &from->leaks[i]);
  for (size_t i = 0; i < from->span_count; i++) {
    struct model_span span = from->spans[i];
    span.end_ns += shift_ns;
    model_add_span(into, &span);
  }
  into->spans_dropped += from->spans_dropped;
  for (size_t i = 0; i < from->stack_count; i++) model_add_stack(into, &from->stacks[i]);
  for (size_t i = 0; i < from->module_count; i++) model_add_module(into, &from->modules[i]);
}

void trace_process_join(struct trace_model *t, struct trace_process *into, struct trace_process *from) {
  const uint64_t shift_ns = from->first_ns - into->first_ns, both_missed = into->early_missed < from->early_missed ? into->early_missed : from->early_missed;
  join_figures(into->p, from->p, shift_ns);
  join_counts(into->p, from->p);
  join_lists(into->p, from->p, shift_ns);
  replace_text(&into->p->program, from->p->program);
  replace_text(&into->p->version, from->p->version);
  for (size_t i = 0; i < from->pending_count; i++) {
    into->pending = must_grow(into->pending, into->pending_count, &into->pending_capacity, sizeof(*into->pending));
    into->pending[into->pending_count++] = from->pending[i];
  }
  free(from->pending);
  for (size_t i = 0; i < from->p->allocation_count; i++) {
    const struct model_allocation *const a = &from->p->allocations[i];
    allocations_add(&into->allocations, into->p, a->stack, a->blocks, a->bytes);
  }
  allocations_free(&from->allocations);
  if (from->ticks_per_second != 0) into->ticks_per_second = from->ticks_per_second;
  into->last_ns = larger(into->last_ns, from->last_ns);
  t->r->lost.early_missed -= both_missed; /* each part counted them all since the process began */
  model_destroy_process(from->p);
  free(from);
}
