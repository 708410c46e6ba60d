/*
 * incident.c: keeps header resets and shared_fails in the statistics block, as they were raised. The same incident is kept once, with a count.
 */
#include <string.h>

#include "src/memory/os.h"
#include "base/clock.h"
#include "stacks/stacks.h"
#include "statistics/stats.h"
#include "incident.h"

/* Field by field: a copy of the structure would bring uninitialised padding into the file. */
#define F_PTR(f) to->f = from->f;
#define F_U32(f) to->f = from->f;
#define F_U64(f) to->f = from->f;
#define F_BYTES(f) to->f = from->f;
#define F_BYTE(f) to->f = from->f;
#define F_CLS(f) to->f = from->f;
#define F_ENUM(f, e) to->f = from->f;
static void copy_hdr_reset(struct event_hdr_reset *to, const struct event_hdr_reset *from) { FIELDS_hdr_reset }
static void copy_shared_fail(struct event_shared_fail *to, const struct event_shared_fail *from) { FIELDS_shared_fail }

/* All but the count, which other threads read. The kind last: it makes the slot readable. */
static void fill(struct stats_incident *slot, const struct stats_incident *incident) {
  slot->tid = incident->tid;
  slot->time_ns = incident->time_ns;
  if (incident->kind == INCIDENT_HDR_RESET) copy_hdr_reset(&slot->hdr_reset, &incident->hdr_reset);
  else copy_shared_fail(&slot->shared_fail, &incident->shared_fail);
  __atomic_store_n(&slot->kind, incident->kind, __ATOMIC_RELEASE);
}

/* Keeps the largest request of several large blocks. All other fields stay those of the first incident. */
static void raise_units(struct stats_incident *slot, const struct stats_incident *incident) {
  uint32_t *const place = &slot->shared_fail.units, wanted = incident->shared_fail.units, units = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (units < wanted && !__atomic_compare_exchange_n(place, &units, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

static void publish_stacks(const struct event_hdr_reset *e) {
  stacks_publish(e->alloc_stack);
  stacks_publish(e->free_stack);
  stacks_publish(e->left_stack);
}

static __thread uint64_t times __attribute__((tls_model("initial-exec")));

uint64_t incident_times(void) { return times; }

/*
 * Several threads may add at once. A slot belongs to the thread that changes its count from 0; it is readable once its kind is set. Two threads
 * with the same new incident may take two slots; a reader adds them up.
 */
static void keep(struct stats_incident *incident) {
  struct stats_block *b = stats_block();
  incident->tid = os_thread();
  incident->time_ns = stats_elapsed_ns();
  for (unsigned i = 0; i < STATS_INCIDENTS; i++) {
    struct stats_incident *slot = &b->incidents[i];
    uint64_t none = 0;
    if (__atomic_compare_exchange_n(&slot->count, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      fill(slot, incident);
      if (incident->kind == INCIDENT_HDR_RESET) publish_stacks(&incident->hdr_reset);
      times = 1;
      stats_publish(); /* the incident may end this process */
      return;
    }
    if (__atomic_load_n(&slot->kind, __ATOMIC_ACQUIRE) == incident->kind && stats_incident_is_same(slot, incident)) {
      times = __atomic_fetch_add(&slot->count, 1, __ATOMIC_RELAXED) + 1;
      if (incident->kind == INCIDENT_SHARED_FAIL) raise_units(slot, incident);
      return;
    }
  }
  times = __atomic_fetch_add(&b->incidents_missed, 1, __ATOMIC_RELAXED) + 1;
}

void incident_hdr_reset(const struct event_hdr_reset *e) { keep(&(struct stats_incident){.kind = INCIDENT_HDR_RESET, .hdr_reset = *e}); }
void incident_shared_fail(const struct event_shared_fail *e) { keep(&(struct stats_incident){.kind = INCIDENT_SHARED_FAIL, .shared_fail = *e}); }
