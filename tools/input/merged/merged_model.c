/*
 * merged_model.c: from a merge to the model.
 */
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "merged.h"

static void give_latency(struct model_latency *l, const struct merged_latency *from) {
#define GIVE(place) \
  if (from->place.count > 0) histogram_merge(model_histogram(&l->place), &from->place);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned s = 0; s < lookup_strategy_count; s++) GIVE(lookup[s][cls])
    GIVE(drain[cls])
    GIVE(refill[cls])
  }
  for (unsigned i = 0; i < STAGE_COUNT; i++) GIVE(stage[i])
  GIVE(legacy)
  GIVE(map)
}

static double narrow(merged_wide square) { return (double)square / 65536; }

static void give_calls_of(struct model_calls *calls, const struct merged *m, unsigned kind, uint32_t cls) {
  const struct histogram *const times = &m->latency.times[kind][cls];
  if (times->count > 0) histogram_merge(model_histogram(&calls->times[kind][cls]), times);
#define GIVE_CALLS(name) calls->name[kind][cls] += m->sums.name[kind][cls];
  MERGED_CALLS(GIVE_CALLS)
  calls->variance[kind][cls] += narrow(m->errors.variance[kind][cls]);
  calls->time_variance[kind][cls] += narrow(m->errors.time_variance[kind][cls]);
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (m->errors.below[kind][cls][i] == 0) continue;
    if (calls->below[kind][cls] == NULL) calls->below[kind][cls] = must_allocate(HISTOGRAM_BUCKETS * sizeof(double));
    calls->below[kind][cls][i] += narrow(m->errors.below[kind][cls][i]);
  }
}

static void give_calls(struct model_calls *calls, const struct merged *m) {
  if (m->sums.with_calls == 0) return;
  calls->known = true;
  calls->cpu_ns += m->sums.calls_cpu_ns;
  calls->elapsed_ns += m->sums.calls_elapsed_ns;
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) give_calls_of(calls, m, kind, cls);
  }
}

static void give_text(char **place, const struct merged_text *from) {
  free(*place);
  *place = must_copy(strcmp(from->first, from->last) == 0 ? from->first : "");
}

/* Settings that differ are not told at all. The last two belong to the machine: there, 0 is unknown. */
static void give_settings(struct model_process *p, const struct merged_highest *h) {
  p->has_settings = true;
#define GIVE_SETTING(name) \
  if (h->most.name == ~h->least_inverted.name) p->name = (__typeof__(p->name))h->most.name; \
  else if (offsetof(struct model_process, name) != offsetof(struct model_process, ticks_per_second) && \
           offsetof(struct model_process, name) != offsetof(struct model_process, clock_cost_ns)) \
    p->has_settings = false;
  MERGED_SETTINGS(GIVE_SETTING)
}

static void give_memory(struct model_process *p, const struct merged *m) {
  const uint64_t *const state = m->sums.state;
  p->has_buckets = m->sums.with_memory > 0;
  p->has_untouched = p->has_buckets && state[PROCESS_ENDED] + state[PROCESS_EXEC] == m->sums.processes; /* others do not know it */
  p->buckets = m->sums.buckets;
#define GIVE_MEMORY(name) p->name = m->sums.name;
  MERGED_MEMORY(GIVE_MEMORY)
  p->rss_max = m->highest.rss_max;
  p->superslabs_active_max = m->highest.superslabs_active_max;
  p->legacy_refused_max = m->highest.legacy_refused_max;
  p->threads.count = (uint32_t)m->sums.threads;
}

static void give_counts(struct model_process *p, const struct merged *m) {
  *p->counts = m->sums.counts;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) p->counts->cls[cls].pins.longest_ms = m->highest.longest_ms[cls];
  for (uint32_t verdict = 0; verdict < hdr_verdict_count; verdict++) {
    if (m->sums.resets[verdict] == 0) continue;
    model_add_incident(
      p, &(struct stats_incident){.kind = INCIDENT_HDR_RESET, .count = m->sums.resets[verdict], .hdr_reset = {.cls = CLASS_NONE, .verdict = verdict}});
  }
  p->leaks_checked = m->sums.leaks_checked > 0;
  for (uint32_t kind = 0; kind < leak_kind_count; kind++) {
    if (m->sums.leaks[kind].blocks > 0) model_add_leak(p, &(struct stats_leak){kind, 0, m->sums.leaks[kind].bytes, m->sums.leaks[kind].blocks});
  }
}

static struct model_merge *describe(const struct merged *m) {
  struct model_merge *const merge = must_allocate(sizeof(*merge));
  *merge = (struct model_merge){.runs = m->sums.runs,
                                .processes = m->sums.processes,
                                .hosts = m->hosts.count,
                                .hosts_are_more = m->hosts.more != 0,
                                .failed = m->sums.failed,
                                .killed = m->sums.killed,
                                .longest_ns = m->highest.longest_ns,
                                .rss_peaks = m->sums.rss_peaks,
                                .end_ns = m->highest.end_ns,
                                .threads = m->sums.threads,
                                .has_overflowed = m->highest.overflowed != 0};
  memcpy(merge->state, m->sums.state, sizeof(merge->state));
  return merge;
}

void merged_to_report(struct report *r, const struct merged *m) {
  struct model_process *const p = model_add_process(r);
  p->merge = describe(m);
  give_text(&p->program, &m->program);
  give_text(&p->version, &m->version);
  p->state = PROCESS_ENDED;
  p->complete = m->sums.state[PROCESS_ENDED] + m->sums.state[PROCESS_EXEC] == m->sums.processes;
  p->start_realtime_ns = ~m->highest.start_inverted;
  p->elapsed_ns = m->sums.elapsed_ns;
  p->cpu_ns = m->sums.cpu_ns;
  p->calls_missed = m->sums.calls_missed;
  give_settings(p, &m->highest);
  give_memory(p, m);
  give_counts(p, m);
  give_latency(&r->latency, &m->latency);
  give_calls(&r->calls, m);
#define GIVE_LOSS(name, text) r->lost.name += m->sums.lost.name;
  MODEL_LOSSES(GIVE_LOSS)
}
