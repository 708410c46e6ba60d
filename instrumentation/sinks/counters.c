/*
 * counters.c: the sink that counts every event into the statistics block, and keeps the incidents there. It also sees the events within other
 * events: so no function here allocates, locks or raises an event.
 */
#include "base/clock.h"
#include "counters.h"
#include "incidents/incident.h"
#include "stacks/stacks.h"
#include "statistics/calls.h"
#include "statistics/stats.h"

static void record_span(struct stats_spans *spans, enum stats_heat_kind kind, uint32_t cls, uint64_t ticks) {
  const uint64_t ns = clock_to_ns(ticks);
  histogram_record_row(stats_span(spans, cls), ns);
  __atomic_fetch_add(&stats_block()->heat.now.count[kind][stats_heat_row(ns)], 1, __ATOMIC_RELAXED);
}

static void record_timing(struct stats_block *b, unsigned timing, uint64_t ticks) {
  histogram_record_row(stats_timing(&b->timings, timing), clock_to_ns(ticks));
}

static void on_superslab_lookup(const struct event_superslab_lookup *e) {
  struct stats_block *b = stats_block();
  stats_add(e->result == LOOKUP_HIT ? &b->counters.lookup_hit : e->result == LOOKUP_LEGACY ? &b->counters.lookup_legacy : &b->counters.lookup_foreign, 1);
  stats_add(&b->counters.lookup_probes, e->probes);
  stats_add(&b->counters.lookup_probe_squares, (uint64_t)e->probes * e->probes);
  if (e->probes == 1) stats_add(&b->counters.lookup_first_probe, 1);
  if (e->cls < CLASS_ROWS) record_span(&b->lookup, HEAT_lookup, e->cls, e->ticks);
}

static void raise_to(uint64_t *most, uint64_t value) {
  uint64_t before = __atomic_load_n(most, __ATOMIC_RELAXED);
  while (before < value && !__atomic_compare_exchange_n(most, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

static void set_active(uint64_t active) {
  struct stats_block *b = stats_block();
  __atomic_store_n(&b->superslabs_active, active, __ATOMIC_RELAXED);
  raise_to(&b->superslabs_active_max, active);
}

static void on_superslab_acquire(const struct event_superslab_acquire *e) {
  stats_add(&stats_block()->counters.superslab_acquire, 1);
  set_active(e->active);
}

static void on_superslab_release(const struct event_superslab_release *e) {
  stats_add(&stats_block()->counters.superslab_release, 1);
  set_active(e->active);
}

static void on_slab_acquire(const struct event_slab_acquire *e) { stats_add(&stats_block()->cls[e->cls].slab_acquire, 1); }
static void on_slab_release(const struct event_slab_release *e) { stats_add(&stats_block()->cls[e->cls].slab_release, 1); }

static void on_tls_sll_refill(const struct event_tls_sll_refill *e) {
  struct stats_block *b = stats_block();
  struct stats_class_counters *c = &b->cls[e->cls];
  stats_add(stats_refill_counter(c, e->source), 1);
  stats_add(&c->refill_blocks, e->blocks);
  record_span(&b->refill, HEAT_refill, e->cls, e->ticks);
  calls_stage(CALL_STAGE_refill, e->ticks);
  static_assert(STAGE_COUNT == STATS_STAGES, "every stage has a histogram");
#define RECORD_STAGE(name, text) \
  if (e->name##_ticks != 0) record_timing(b, STAGE_##name, e->name##_ticks);
  REFILL_STAGES(RECORD_STAGE)
}

static void on_tls_sll_drain(const struct event_tls_sll_drain *e) {
  struct stats_block *b = stats_block();
  struct stats_class_counters *c = &b->cls[e->cls];
  stats_add(stats_drain_counter(c, e->reason), 1);
  stats_add(&c->drain_blocks, e->moved);
  stats_add(&c->drain_slabs, e->slabs);
  record_span(&b->drain, HEAT_drain, e->cls, e->ticks);
  if (e->moved != 0) calls_stage(CALL_STAGE_drain, e->ticks); /* the end of an interval without a move is a plain call: many are, and take 100 ns */
}

static void on_shared_fail(const struct event_shared_fail *e) {
  struct stats_block *b = stats_block();
  uint64_t *const by_reason[fail_reason_count] = {[FAIL_LIMIT] = &b->counters.shared_fail_limit,
                                                  [FAIL_OS_ENOMEM] = &b->counters.shared_fail_os_enomem,
                                                  [FAIL_NO_ADDRESS_SPACE] = &b->counters.shared_fail_no_address_space};
  stats_add(by_reason[e->reason], 1);
  stats_add(&b->cls[e->cls].shared_fail, 1);
  incident_shared_fail(e);
}

static void on_legacy_fallback(const struct event_legacy_fallback *e) {
  struct stats_block *b = stats_block();
  stats_add(&b->cls[e->cls].legacy_calls, 1);
  stats_add(&b->cls[e->cls].legacy_bytes, e->size);
  record_timing(b, TIMING_LEGACY, e->ticks);
  raise_to(&b->legacy_refused_max, e->refused);
}

static void on_hdr_reset(const struct event_hdr_reset *e) {
  struct stats_block *b = stats_block();
  stats_add(&b->counters.hdr_reset, 1);
  if (e->cls < CLASS_ROWS) stats_add(&b->cls[e->cls].hdr_reset, 1);
  incident_hdr_reset(e);
}

static void on_os_map(const struct event_os_map *e) {
  struct stats_block *b = stats_block();
  stats_add(&b->counters.os_map, 1);
  stats_add(&b->counters.os_map_bytes, e->size);
  record_timing(b, TIMING_MAP, e->ticks);
  calls_stage(CALL_STAGE_system, e->ticks);
}

static void on_os_unmap(const struct event_os_unmap *e) {
  stats_add(&stats_block()->counters.os_unmap, 1);
  stats_add(&stats_block()->counters.os_unmap_bytes, e->size);
  stats_add(&stats_block()->counters.os_unmap_ns, clock_to_ns(e->ticks));
  calls_stage(CALL_STAGE_system, e->ticks);
}

static void on_os_purge(const struct event_os_purge *e) {
  stats_add(&stats_block()->counters.os_purge, 1);
  stats_add(&stats_block()->counters.os_purge_bytes, e->size);
  stats_add(&stats_block()->counters.os_purge_ns, clock_to_ns(e->ticks));
  calls_stage(CALL_STAGE_system, e->ticks);
}

static void on_thread_start(const struct event_thread_start *e) {
  (void)e;
  stats_add(&stats_block()->counters.thread_start, 1);
}

static void on_thread_exit(const struct event_thread_exit *e) {
  (void)e;
  stats_add(&stats_block()->counters.thread_exit, 1);
}

static void on_deepbind(const struct event_deepbind *e) {
  (void)e;
  stats_add(&stats_block()->counters.deepbind, 1);
}

/* At the end of the process, by one thread. */
static void on_leak(const struct event_leak *e) {
  struct stats_block *b = stats_block();
  stacks_publish(e->stack);
  for (unsigned i = 0; i < STATS_LEAKS; i++) {
    if (b->leaks[i].blocks != 0) continue;
    b->leaks[i] = (struct stats_leak){.kind = e->kind, .stack = e->stack, .bytes = e->bytes, .blocks = e->blocks};
    return;
  }
}

static void on_end_check(const struct event_end_check *e) {
  struct stats_block *b = stats_block();
  stats_add(&b->counters.end_blocks, e->blocks);
  stats_add(&b->counters.end_checked, e->checked);
}

static void on_debug_sweep(const struct event_debug_sweep *e) {
  struct stats_counters *c = &stats_block()->counters;
  stats_add(&c->debug_sweeps, e->sweeps);
  stats_add(&c->debug_blocks, e->blocks);
  stats_add(&c->debug_bytes, e->bytes);
  stats_add(&c->debug_sweep_ns, clock_to_ns(e->ticks));
  stats_add(&c->debug_sweep_spent_ns, clock_to_ns(e->spent_ticks));
}

static void on_soft_limit(const struct event_soft_limit *e) {
  struct stats_counters *c = &stats_block()->counters;
  stats_add(&c->soft_limit_crossed, e->crossed);
  stats_add(&c->soft_limit_above_ns, clock_to_ns(e->above_ticks));
  stats_add(&c->soft_limit_releases, 1);
  stats_add(&c->soft_limit_bytes, e->released);
  stats_add(&c->soft_limit_ns, clock_to_ns(e->ticks));
}

const struct hak_event_sink counters_sink = {.superslab_lookup = on_superslab_lookup,
                                             .superslab_acquire = on_superslab_acquire,
                                             .superslab_release = on_superslab_release,
                                             .slab_acquire = on_slab_acquire,
                                             .slab_release = on_slab_release,
                                             .tls_sll_refill = on_tls_sll_refill,
                                             .tls_sll_drain = on_tls_sll_drain,
                                             .shared_fail = on_shared_fail,
                                             .legacy_fallback = on_legacy_fallback,
                                             .hdr_reset = on_hdr_reset,
                                             .os_map = on_os_map,
                                             .os_unmap = on_os_unmap,
                                             .os_purge = on_os_purge,
                                             .thread_start = on_thread_start,
                                             .thread_exit = on_thread_exit,
                                             .leak = on_leak,
                                             .deepbind = on_deepbind,
                                             .end_check = on_end_check,
                                             .debug_sweep = on_debug_sweep,
                                             .soft_limit = on_soft_limit};
