#include "trace_model.h"

#include <stdlib.h>
#include <string.h>

#include "allocations.h"
#include "common/memory.h"
#include "durations.h"
#include "trace_process.h"

#define TIMELINE_MAX 1024
struct trace_model *trace_model_create(struct report *r) {
  struct trace_model *const t = must_allocate(sizeof(*t));
  t->r = r;
  return t;
}

struct trace_process *trace_model_add(struct trace_model *t) {
  t->processes = must_grow(t->processes, t->count, &t->capacity, sizeof(*t->processes));
  struct trace_process *const p = must_allocate(sizeof(*p));
  p->p = model_add_process(t->r);
  return t->processes[t->count++] = p;
}

static struct trace_process *find_process(struct trace_model *t, uint32_t pid) {
  struct trace_process **const cached = &t->cache[pid % PID_CACHE];
  if (*cached != NULL && (*cached)->p->pid == pid) return *cached;
  for (size_t i = 0; i < t->count; i++) {
    if (t->processes[i]->p->pid == pid) return *cached = t->processes[i];
  }
  struct trace_process *const p = trace_model_add(t);
  p->p->pid = pid;
  return *cached = p;
}

struct trace_process *trace_model_process(struct trace_model *t, uint32_t pid, const char *program) {
  struct trace_process *const p = find_process(t, pid);
  /* exec changes the name of a process; users know it by the last one. */
  if (*program != '\0' && strcmp(p->p->program, program) != 0) {
    free(p->p->program);
    p->p->program = must_copy(program);
  }
  return p;
}

void trace_model_thread(struct trace_model *t, uint32_t tid) { t->tid = tid; }

/* ---- Snapshots of fragmentation: one event for each class, then the next snapshot ---- */

static void add_moment(struct trace_process *p, const struct stats_moment *moment) {
  struct model_process *const m = p->p;
  if (m->timeline_length > 0 && moment->time_ns < p->timeline_last_ns + p->timeline_period_ns) return;
  model_add_moment(m, moment);
  p->timeline_last_ns = moment->time_ns;
  if (m->timeline_length < TIMELINE_MAX) return;
  for (size_t i = 0; i < TIMELINE_MAX / 2; i++) m->timeline[i] = m->timeline[2 * i];
  m->timeline_length = TIMELINE_MAX / 2;
  const uint64_t span = m->timeline[m->timeline_length - 1].time_ns - m->timeline[0].time_ns;
  p->timeline_period_ns = span / m->timeline_length;
}

static void keep_peak(struct model_process *p, const struct stats_moment *moment) {
  p->peak_ns = moment->time_ns;
  p->peak_active = moment->active;
  memset(p->peak_utilisation, 0, sizeof(p->peak_utilisation));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned bin = 0; bin < STATS_UTILISATION_BINS; bin++) p->peak_utilisation[bin] += p->counts->cls[cls].utilisation[bin];
  }
}

static void end_burst(struct trace_process *p) {
  if (!p->in_burst) return;
  struct stats_moment moment = {.time_ns = p->burst_ns - p->first_ns, .committed = UNKNOWN, .rss = UNKNOWN, .mapped = p->mapped};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    struct model_class *const row = &p->p->counts->cls[cls];
    if (!p->burst_class[cls]) { /* classes without memory raise no event */
      row->gauge = (struct model_gauges){0};
      memset(row->utilisation, 0, sizeof(row->utilisation));
    }
    moment.requested += row->gauge.requested;
    moment.requested_variance += row->gauge.requested_variance;
    moment.allocated += row->gauge.allocated;
    moment.active += row->gauge.active;
  }
  add_moment(p, &moment);
  if (moment.active > p->p->peak_active) keep_peak(p->p, &moment);
  memset(p->burst_class, 0, sizeof(p->burst_class));
  p->in_burst = false;
}

/* ---- Events ---- */

static void span(struct trace_model *t, struct trace_process *p, uint64_t time_ns, enum model_span_kind kind, uint32_t cls, uint32_t why, uint64_t ticks) {
  if (!t->r->keep_spans) return;
  model_add_span(p->p, &(struct model_span){.end_ns = time_ns - p->first_ns, .duration_ns = ticks, .tid = t->tid, .kind = kind, .cls = cls, .why = why});
}

/* The class row of an event, NULL if it has none. */
static struct model_class *row_of(struct trace_process *p, uint32_t cls) { return cls < CLASS_ROWS ? &p->p->counts->cls[cls] : NULL; }

/* Every event passes through here first. */
static void seen(struct trace_model *t, struct trace_process *p, uint64_t time_ns) {
  if (p->first_ns == 0) p->first_ns = p->p->start_realtime_ns = time_ns;
  p->last_ns = time_ns;
  if (t->r->events == 0) t->r->start_ns = time_ns;
  if (time_ns > t->r->end_ns) t->r->end_ns = time_ns;
  t->r->events++;
}

#define ON(name) void trace_on_##name(struct trace_model *t, struct trace_process *p, uint64_t time_ns, const struct event_##name *e)

ON(superslab_lookup) {
  seen(t, p, time_ns);
  struct stats_counters *const c = &p->p->counts->counters;
  uint64_t *const by_result[lookup_result_count] = {[LOOKUP_HIT] = &c->lookup_hit, [LOOKUP_LEGACY] = &c->lookup_legacy, [LOOKUP_FOREIGN] = &c->lookup_foreign};
  ++*by_result[e->result];
  c->lookup_probes += e->probes;
  c->lookup_probe_squares += (uint64_t)e->probes * e->probes;
  if (e->probes == 1) c->lookup_first_probe++;
  if (e->cls < CLASS_ROWS) durations_add(p, &t->r->latency.lookup[e->strategy][e->cls], e->ticks);
  span(t, p, time_ns, SPAN_LOOKUP, e->cls, 0, e->ticks);
}

static void superslabs(struct trace_process *p, uint32_t active) {
  p->p->superslabs_active = active;
  if (active > p->p->superslabs_active_max) p->p->superslabs_active_max = active;
}

ON(superslab_acquire) {
  seen(t, p, time_ns);
  p->p->counts->counters.superslab_acquire++;
  superslabs(p, e->active);
}

ON(superslab_release) {
  seen(t, p, time_ns);
  p->p->counts->counters.superslab_release++;
  superslabs(p, e->active);
}

ON(slab_acquire) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) row->counters.slab_acquire++;
}

ON(slab_release) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) row->counters.slab_release++;
}

ON(tls_sll_refill) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row == NULL) return;
  struct stats_class_counters *const c = &row->counters;
  ++*stats_refill_counter(c, e->source);
  c->refill_blocks += e->blocks;
  durations_add(p, &t->r->latency.refill[e->cls], e->ticks);
  span(t, p, time_ns, SPAN_REFILL, e->cls, e->source, e->ticks);
#define STAGE_DURATION(name, text) \
  if (e->name##_ticks != 0) durations_add(p, &t->r->latency.stage[STAGE_##name], e->name##_ticks);
  REFILL_STAGES(STAGE_DURATION)
}

ON(tls_sll_drain) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row == NULL) return;
  struct stats_class_counters *const c = &row->counters;
  ++*stats_drain_counter(c, e->reason);
  c->drain_blocks += e->moved;
  c->drain_slabs += e->slabs;
  durations_add(p, &t->r->latency.drain[e->cls], e->ticks);
  span(t, p, time_ns, SPAN_DRAIN, e->cls, e->reason, e->ticks);
}

static void incident(const struct trace_model *t, struct trace_process *p, uint64_t time_ns, struct stats_incident new) {
  new.tid = t->tid;
  new.time_ns = time_ns - p->first_ns;
  new.count = 1;
  model_add_incident(p->p, &new);
}

ON(shared_fail) {
  seen(t, p, time_ns);
  struct stats_counters *const c = &p->p->counts->counters;
  uint64_t *const by_reason[fail_reason_count] = {
    [FAIL_LIMIT] = &c->shared_fail_limit, [FAIL_OS_ENOMEM] = &c->shared_fail_os_enomem, [FAIL_NO_ADDRESS_SPACE] = &c->shared_fail_no_address_space};
  ++*by_reason[e->reason];
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) row->counters.shared_fail++;
  incident(t, p, time_ns, (struct stats_incident){.kind = INCIDENT_SHARED_FAIL, .shared_fail = *e});
}

ON(legacy_fallback) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) {
    row->counters.legacy_calls++;
    row->counters.legacy_bytes += e->size;
  }
  if (e->refused > p->p->legacy_refused_max) p->p->legacy_refused_max = e->refused;
  durations_add(p, &t->r->latency.legacy, e->ticks);
  span(t, p, time_ns, SPAN_LEGACY, e->cls, e->reason, e->ticks);
}

ON(hdr_reset) {
  seen(t, p, time_ns);
  p->p->counts->counters.hdr_reset++;
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) row->counters.hdr_reset++;
  incident(t, p, time_ns, (struct stats_incident){.kind = INCIDENT_HDR_RESET, .hdr_reset = *e});
}

ON(fragmentation) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row == NULL || e->utilisation_bins != STATS_UTILISATION_BINS) {
    t->r->lost.invalid++;
    return;
  }
  if (p->burst_class[e->cls]) end_burst(p);
  if (!p->in_burst) p->burst_ns = time_ns;
  p->in_burst = true;
  p->burst_class[e->cls] = true;
  row->gauge = (struct model_gauges){.requested = e->requested, .allocated = e->allocated, .active = e->active, .cached = e->cached, .partial = e->partial};
  if (e->cls < CLASS_COUNT) row->gauge.requested_variance = stats_requested_variance(&row->counters, e->allocated / class_stride(e->cls), class_stride(e->cls));
  for (unsigned bin = 0; bin < STATS_UTILISATION_BINS; bin++) {
    row->utilisation[bin] = e->utilisation[bin];
    row->gauge.slabs += e->utilisation[bin];
  }
}

ON(os_map) {
  seen(t, p, time_ns);
  p->p->counts->counters.os_map++;
  p->p->counts->counters.os_map_bytes += e->size;
  p->mapped += e->size;
  durations_add(p, &t->r->latency.map, e->ticks);
  span(t, p, time_ns, SPAN_MAP, CLASS_ROWS, 0, e->ticks);
}

ON(os_unmap) {
  seen(t, p, time_ns);
  p->p->counts->counters.os_unmap++;
  p->p->counts->counters.os_unmap_bytes += e->size;
  p->mapped -= e->size < p->mapped ? e->size : p->mapped;
  span(t, p, time_ns, SPAN_UNMAP, CLASS_ROWS, 0, e->ticks);
}

ON(os_purge) {
  seen(t, p, time_ns);
  p->p->counts->counters.os_purge++;
  p->p->counts->counters.os_purge_bytes += e->size;
  span(t, p, time_ns, SPAN_PURGE, CLASS_ROWS, 0, e->ticks);
}

ON(thread_start) {
  (void)e;
  seen(t, p, time_ns);
  p->p->counts->counters.thread_start++;
}

ON(thread_exit) {
  (void)e;
  seen(t, p, time_ns);
  p->p->counts->counters.thread_exit++;
}

ON(stack) {
  seen(t, p, time_ns);
  static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "a frame is an address of 64 bits");
  model_add_stack(p->p, &(struct model_stack){e->id, e->frame_count, (uint64_t *)e->frames, e->epoch, e->cut != 0});
}

ON(module) {
  seen(t, p, time_ns);
  model_add_module(p->p, &(struct model_module){.base = (uintptr_t)e->base,
                                                .size = e->size,
                                                .offset = e->offset,
                                                .path = (char *)e->path,
                                                .epoch = e->epoch,
                                                .build_id = (char *)e->build_id,
                                                .serves = e->serves != 0});
}

/* Operations are exact in full tracing; else a few of them are in the trace, and the statistics file has the rest. */
ON(alloc) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row == NULL) return;
  row->counters.allocs++;
  row->counters.request_samples++;
  row->counters.request_bytes += e->size;
  row->counters.request_squares += e->size * e->size;
  allocations_add(&p->allocations, p->p, e->stack, 1, e->size);
}

ON(free) {
  seen(t, p, time_ns);
  struct model_class *const row = row_of(p, e->cls);
  if (row != NULL) row->counters.frees++;
}

ON(realloc) {
  (void)e;
  seen(t, p, time_ns);
}

ON(process) {
  seen(t, p, time_ns);
  end_burst(p);
  struct model_process *const m = p->p;
  m->has_settings = true;
  m->strategy = e->strategy;
  m->superslab_size = e->superslab_size;
  m->superslab_limit = e->superslab_limit;
  m->drain_interval = e->drain_interval;
  m->sample = e->sample;
  m->release_delay = e->release_delay;
  m->huge_pages = e->huge_pages;
  if (strcmp(m->version, e->version) != 0) {
    free(m->version);
    m->version = must_copy(e->version);
  }
  if (e->ticks_per_second == 0) return;
  p->ticks_per_second = m->ticks_per_second = e->ticks_per_second;
  m->clock_cost_ns = (uint64_t)((unsigned __int128)e->clock_cost_ticks * 1000000000u / e->ticks_per_second);
  durations_settle(p, p);
}

ON(early) {
  seen(t, p, time_ns);
  if (e->missed <= p->early_missed) return; /* the event may come twice for a session; each time it has all since the process began */
  t->r->lost.early_missed += e->missed - p->early_missed;
  p->early_missed = e->missed;
}

ON(leak) {
  seen(t, p, time_ns);
  model_add_leak(p->p, &(struct stats_leak){.kind = e->kind, .stack = e->stack, .bytes = e->bytes, .blocks = e->blocks});
}

ON(deepbind) {
  (void)e;
  seen(t, p, time_ns);
  p->p->counts->counters.deepbind++;
}

ON(end_check) {
  seen(t, p, time_ns);
  p->p->counts->counters.end_blocks += e->blocks;
  p->p->counts->counters.end_checked += e->checked;
  p->p->complete = true; /* the check is at the end of every process that ends in order */
}

ON(debug_sweep) {
  seen(t, p, time_ns);
  p->p->counts->counters.debug_sweeps += e->sweeps;
  p->p->counts->counters.debug_blocks += e->blocks;
  p->p->counts->counters.debug_bytes += e->bytes;
  p->p->counts->counters.debug_sweep_ns += durations_ns(p, e->ticks);
  p->p->counts->counters.debug_sweep_spent_ns += durations_ns(p, e->spent_ticks);
}

ON(soft_limit) {
  seen(t, p, time_ns);
  struct stats_counters *const c = &p->p->counts->counters;
  c->soft_limit_crossed += e->crossed;
  c->soft_limit_above_ns += durations_ns(p, e->above_ticks);
  c->soft_limit_releases++;
  c->soft_limit_bytes += e->released;
  c->soft_limit_ns += durations_ns(p, e->ticks);
}

/* ---- The end ---- */

/* Another process's clock serves for one that did not tell its rate: one of the same host, if there is one. */
static const struct trace_process *any_clock(const struct trace_model *t, const struct model_host *host) {
  const struct trace_process *other = NULL;
  for (size_t i = 0; i < t->count; i++) {
    const struct trace_process *const p = t->processes[i];
    if (p->ticks_per_second == 0) continue;
    if (p->p->host == host) return p;
    if (other == NULL) other = p;
  }
  return other;
}

/* Processes in the order of their hosts and first events, in the model too: so it does not matter who read them, and when. */
static int by_start(const void *a, const void *b) {
  const struct trace_process *const x = *(struct trace_process *const *)a, *const y = *(struct trace_process *const *)b;
  const int hosts = model_compare_hosts(x->p->host, y->p->host);
  if (hosts != 0) return hosts;
  if (x->first_ns != y->first_ns) return x->first_ns < y->first_ns ? -1 : 1;
  return x->p->pid < y->p->pid ? -1 : x->p->pid > y->p->pid;
}

/* Of several parts of one process, the first one takes up the others. */
static void join(struct trace_model *t) {
  size_t kept = 0;
  for (size_t i = 0; i < t->count; i++) {
    struct trace_process *const p = t->processes[i], *first = NULL;
    end_burst(p);
    for (size_t k = 0; k < kept && first == NULL; k++) {
      if (t->processes[k]->p->pid == p->p->pid && t->processes[k]->p->host == p->p->host) first = t->processes[k];
    }
    if (first != NULL) trace_process_join(t, first, p);
    else t->processes[kept++] = p;
  }
  t->count = t->r->process_count = kept;
}

static void order(struct trace_model *t) {
  if (t->count > 0) qsort(t->processes, t->count, sizeof(*t->processes), by_start);
  join(t);
  for (size_t i = 0; i < t->count; i++) t->r->processes[i] = t->processes[i]->p;
}

void trace_model_finish(struct trace_model *t) {
  order(t);
  t->r->latency.ticks = any_clock(t, NULL) == NULL;
  for (size_t i = 0; i < t->count; i++) {
    struct trace_process *const p = t->processes[i];
    const struct trace_process *const clock = any_clock(t, p->p->host);
    durations_settle(p, clock);
    durations_settle_spans(p->p, p->ticks_per_second != 0 ? p : clock);
    p->p->elapsed_ns = p->last_ns - p->first_ns;
  }
  for (size_t i = 0; i < t->count; i++) {
    allocations_free(&t->processes[i]->allocations);
    free(t->processes[i]);
  }
  free(t->processes);
  free(t);
}
