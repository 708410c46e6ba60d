/*
 * incident.c: the black box of header resets and shared_fails: what was known when they happened, in the
 * statistics block. The same incident (kind, class, verdict or reason, stack) is kept once, with a count.
 */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stacks/stacks.h"
#include "statistics/stats.h"
#include "incident.h"

static bool is_same(const struct stats_incident *a, const struct stats_incident *b) {
  return a->kind == b->kind && a->cls == b->cls && a->stack == b->stack && a->verdict == b->verdict &&
         a->reason == b->reason;
}

/* Everything but the count, which other threads look at; the kind last. */
static void fill(struct stats_incident *slot, const struct stats_incident *incident) {
  const size_t before = offsetof(struct stats_incident, cls), count = offsetof(struct stats_incident, count), behind = count + sizeof(slot->count);
  static_assert(offsetof(struct stats_incident, kind) == 0, "the kind comes first");
  memcpy((char *)slot + before, (const char *)incident + before, count - before);
  memcpy((char *)slot + behind, (const char *)incident + behind, sizeof(*slot) - behind);
  __atomic_store_n(&slot->kind, incident->kind, __ATOMIC_RELEASE);
}

static __thread uint64_t times __attribute__((tls_model("initial-exec")));

uint64_t incident_times(void) { return times; }

/*
 * Several threads may add at once: a slot belongs to whoever turns its count from 0, and can be read once its kind is set.
 * Two threads with the same new incident may take two slots; a reader adds them up.
 */
static void keep(struct stats_incident *incident) {
  struct stats_block *b = stats_block();
  incident->tid = (uint32_t)sys_gettid();
  incident->time_ns = stats_elapsed_ns();
  for (unsigned i = 0; i < STATS_INCIDENTS; i++) {
    struct stats_incident *slot = &b->incidents[i];
    uint64_t none = 0;
    if (__atomic_compare_exchange_n(&slot->count, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      fill(slot, incident);
      stacks_publish(incident->alloc_stack);
      stacks_publish(incident->free_stack);
      stacks_publish(incident->left_stack);
      times = 1;
      stats_publish(); /* it may be the last that this process does */
      return;
    }
    if (__atomic_load_n(&slot->kind, __ATOMIC_ACQUIRE) == incident->kind && is_same(slot, incident)) {
      times = __atomic_fetch_add(&slot->count, 1, __ATOMIC_RELAXED) + 1;
      /* Of several large blocks the largest tells most; else the first tells what it was like. */
      uint32_t units = __atomic_load_n(&slot->units, __ATOMIC_RELAXED);
      while (units < incident->units &&
             !__atomic_compare_exchange_n(&slot->units, &units, incident->units, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
      return;
    }
  }
  times = __atomic_fetch_add(&b->incidents_missed, 1, __ATOMIC_RELAXED) + 1;
}

void incident_hdr_reset(const struct event_hdr_reset *e) {
  keep(&(struct stats_incident){.kind = INCIDENT_HDR_RESET, .cls = e->cls, .stack = e->stack, .base = (uintptr_t)e->base,
                                .left = (uintptr_t)e->left, .got = e->got, .expect = e->expect,
                                .verdict = (uint16_t)e->verdict, .offset = e->offset, .over = e->over, .told = e->told,
                                .good_ago_ms = e->good_ago_ms, .alloc_ago_ms = e->alloc_ago_ms, .free_ago_ms = e->free_ago_ms,
                                .good_thread = e->good_thread, .alloc_thread = e->alloc_thread, .free_thread = e->free_thread,
                                .alloc_stack = e->alloc_stack, .free_stack = e->free_stack, .left_stack = e->left_stack,
                                .size = e->size, .access = (uintptr_t)e->access, .way = e->way,
                                .made = (uint16_t)e->made, .given = (uint16_t)e->given, .found = e->found});
}

void incident_shared_fail(const struct event_shared_fail *e) {
  keep(&(struct stats_incident){.kind = INCIDENT_SHARED_FAIL, .cls = e->cls, .stack = e->stack, .reason = e->reason,
                                .active = e->active, .limit = e->limit, .free_slabs = e->free_slabs,
                                .free_blocks = e->free_blocks,
                                .units = e->units, .error = e->error, .own = e->own, .others = e->others, .batched = e->batched,
                                .partial = e->partial, .slab_bytes = e->slab_bytes, .idle_bytes = e->idle_bytes, .holder = e->holder,
                                .second = e->second, .holder_idle = e->holder_idle, .second_idle = e->second_idle,
                                .holder_ms = e->holder_ms, .second_ms = e->second_ms});
}
