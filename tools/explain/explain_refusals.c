/*
 * explain_refusals.c: rules about shared_fails: the shared pool refused, and legacy served.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "common/format.h"

#define STAGE_NAME(name, meaning) #name,
#define UNITS_MAX 64 /* of a SuperSlab; superslab.h */
#define CLASSES_NAMED 5
#define HOLDER_TEXT (EXPLAIN_CLASS + 2 * FORMAT_SIZE + 64)
#define ADDRESS_SPACE_SIZE "512K" /* the smallest SuperSlab: it needs the smallest aligned piece */

/* The shared_fails of one process with one of `reasons` (a mask), by class row; `first`: the earliest. */
struct refusals {
  uint64_t by_class[CLASS_ROWS], count;
  const struct stats_incident *first;
  uint32_t units; /* the longest wanted run of units, of those with details */
};

static struct refusals refusals_of(const struct model_process *p, unsigned reasons) {
  struct refusals all = {0};
  for (size_t n = 0; n < p->incident_count; n++) {
    const struct stats_incident *const i = &p->incidents[n];
    const struct event_shared_fail *const e = &i->shared_fail;
    if (i->kind != INCIDENT_SHARED_FAIL || e->reason >= fail_reason_count || (reasons >> e->reason & 1) == 0) continue;
    all.count += i->count;
    if (e->cls < CLASS_ROWS) all.by_class[e->cls] += i->count;
    if (e->units > all.units) all.units = e->units;
    if (all.first == NULL || i->time_ns < all.first->time_ns) all.first = i;
  }
  return all;
}

/* "class 7 (128 B) 4 times, ...": the most frequent first. */
static void name_classes(char *text, size_t size, const struct refusals *all) {
  bool named[CLASS_ROWS] = {false};
  size_t used = 0, left = 0;
  char class[EXPLAIN_CLASS];
  text[0] = '\0';
  for (unsigned n = 0; n < CLASSES_NAMED; n++) {
    uint32_t most = CLASS_ROWS;
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      if (!named[cls] && all->by_class[cls] > 0 && (most == CLASS_ROWS || all->by_class[cls] > all->by_class[most])) most = cls;
    }
    if (most == CLASS_ROWS) return;
    named[most] = true;
    used += (size_t)snprintf(text + used, size - used, "%s%s %" PRIu64 " time%s", n > 0 ? ", " : "", explain_class(class, most), all->by_class[most],
                             all->by_class[most] == 1 ? "" : "s");
    if (used >= size) return;
  }
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) left += !named[cls] && all->by_class[cls] > 0;
  if (left > 0) snprintf(text + used, size - used, ", and %zu more class%s", left, left == 1 ? "" : "es");
}

/* ---- The cost of the refusals, by the stages of the refills that met them. ---- */

static double stage_mean(const struct diagnosis *d, enum refill_stage stage) {
  const struct histogram *const h = d->r->latency.stage[stage];
  return h != NULL && !d->r->latency.ticks ? histogram_mean(h) : 0;
}

/* Nanoseconds of one refusal. Large blocks have no refill; they cost what the legacy path costs on average. */
static double refusal_ns(const struct diagnosis *d) {
  const struct histogram *const legacy = d->r->latency.legacy;
  const double by_stages = stage_mean(d, STAGE_shared_fail) + stage_mean(d, STAGE_legacy);
  return by_stages > 0 ? by_stages : legacy != NULL && !d->r->latency.ticks ? histogram_mean(legacy) : 0;
}

static void tell_stages(struct finding *f, const struct diagnosis *d) {
  static const char *const names[] = {REFILL_STAGES(STAGE_NAME)};
  char text[512] = "", ns[FORMAT_SIZE];
  size_t used = 0;
  if (stage_mean(d, STAGE_shared_fail) <= 0) return;
  for (unsigned stage = 0; stage < STAGE_COUNT && used < sizeof(text); stage++) {
    const double mean = stage_mean(d, stage);
    if (stage == STAGE_superslab || mean <= 0) continue;
    used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", used > 0 ? ", " : "", names[stage], format_ns(ns, mean));
  }
  finding_evidence(f, "the stages of a refill, on average: %s", text);
  finding_figure(f, "shared_fail_ns", stage_mean(d, STAGE_shared_fail));
  finding_figure(f, "legacy_ns", stage_mean(d, STAGE_legacy));
}

/* ---- The state that explains the first of them. ---- */

static void tell_blocks(struct finding *f, const struct event_shared_fail *e) {
  char class[EXPLAIN_CLASS];
  if (e->cls >= CLASS_COUNT) return;
  finding_evidence(f,
                   "free blocks of %s then: %" PRIu64 " in lists of the thread itself, %" PRIu64 " in those of other threads, %" PRIu64 " in batches, %" PRIu64
                   " in partial slabs",
                   explain_class(class, e->cls), e->own, e->others, e->batched, e->partial);
}

/* Whether one class holds much of the free memory. Otherwise it is spread over many classes, each of which needs a slab anyway. */
static bool is_held_by_one(const struct event_shared_fail *e) {
  return e->slab_bytes > 0 && (double)e->holder_idle >= threshold.external_share * (double)e->idle_bytes;
}

/* "class 3 (128 B) (2.1 MiB, no block taken from its slabs for 41 s on average)" */
static const char *name_holder(char *text, size_t size, uint32_t cls, uint64_t bytes, uint64_t ms) {
  char class[EXPLAIN_CLASS], idle[FORMAT_SIZE], age[FORMAT_SIZE];
  snprintf(text, size, "%s (%s, no block taken from its slabs for %s on average)", explain_class(class, cls), format_bytes(idle, bytes),
           format_ns(age, (double)ms * 1e6));
  return text;
}

static void tell_holders(struct finding *f, const struct diagnosis *d, const struct model_process *p, const struct event_shared_fail *e) {
  char share[FORMAT_SIZE], holder[HOLDER_TEXT], second[HOLDER_TEXT];
  if (e->idle_bytes == 0 || e->slab_bytes == 0) return;
  format_percent(share, (double)e->idle_bytes, (double)e->slab_bytes);
  name_holder(holder, sizeof(holder), e->holder, e->holder_idle, e->holder_ms);
  if (e->second < CLASS_COUNT && e->second_idle * 10 >= e->holder_idle)
    finding_evidence(f, "%s of the slabs' capacity was free, but held by other classes: most by %s and %s", share, holder,
                     name_holder(second, sizeof(second), e->second, e->second_idle, e->second_ms));
  else if (e->second < CLASS_COUNT) finding_evidence(f, "%s of the slabs' capacity was free, but held by other classes: most by %s", share, holder);
  else finding_evidence(f, "%s of the slabs' capacity was free, but held by %s", share, holder);
  if (!is_held_by_one(e)) finding_evidence(f, "no class held much of it: each class in use has a slab of its own, however few its blocks");
  explain_holder_age(f, p, e->holder);
  explain_pins(f, d, p, false, e->idle_bytes);
  finding_figure(f, "idle_share", (double)e->idle_bytes / (double)e->slab_bytes);
  finding_figure(f, "holder_ms", (double)e->holder_ms);
}

static void tell_first(struct finding *f, const struct diagnosis *d, const struct model_process *p, const struct stats_incident *i) {
  const struct event_shared_fail *const e = &i->shared_fail;
  char at[FORMAT_SIZE];
  finding_evidence(f, "the first time after %s: %u unit%s of 64 KiB wanted, %u SuperSlab%s in use, %u of the units there free%s",
                   format_ns(at, (double)i->time_ns), e->units, e->units == 1 ? "" : "s", e->active, e->active == 1 ? "" : "s", e->free_slabs,
                   e->free_slabs > 0 ? ", but too few of them side by side" : "");
  if (e->error != 0) finding_evidence(f, "the system's error: %s", strerror((int)e->error));
  char *const where = explain_place(d, p, e->stack);
  if (where != NULL) finding_evidence(f, "then by %s", where);
  free(where);
  tell_holders(f, d, p, e);
  tell_blocks(f, e);
}

/* The change to the program, by the place of the free memory. */
static void advise_on_state(struct finding *f, const struct event_shared_fail *e) {
  char class[EXPLAIN_CLASS];
  if (is_held_by_one(e) && (double)e->idle_bytes >= threshold.external_share * (double)e->slab_bytes) {
    finding_change(f, "Free the blocks that hold slabs of %s nearly empty, or allocate long-lived objects apart from short-lived ones.",
                   explain_class(class, e->holder));
    finding_effect(f, "empty slabs serve any class");
  }
  if (e->cls < CLASS_COUNT && e->others * class_stride(e->cls) >= class_slab_units(e->cls) * UNIT_SIZE) {
    finding_option(f, "HAKMEM_DRAIN_INTERVAL", "256");
    finding_effect(f, "idle blocks in other threads' lists return eight times as soon: %" PRIu64 " of %s did", e->others, explain_class(class, e->cls));
  }
}

/* The part of the finding that all refusals share. */
static struct finding *tell(struct diagnosis *d, const char *rule, const struct model_process *p, const struct refusals *all, uint64_t count) {
  char classes[512], size[FORMAT_SIZE];
  struct finding *const f = finding_add(d, rule, FINDING_COST, p);
  name_classes(classes, sizeof(classes), all);
  finding_cost(f, COST_NS, explain_in_calls(d, refusal_ns(d) * (double)count), explain_time(p));
  finding_figure(f, "refused", (double)count);
  finding_figure(f, "legacy_refused_max", (double)p->legacy_refused_max);
  if (all->first != NULL) {
    finding_evidence(f, "refused: %s", classes);
    tell_first(f, d, p, all->first);
  } else {
    finding_evidence(f, "refused %" PRIu64 " times; there are no details", count);
  }
  if (p->legacy_refused_max > 0) finding_evidence(f, "the legacy path served, and held at most %s at a time for it", format_bytes(size, p->legacy_refused_max));
  else finding_evidence(f, "the legacy path could not serve either");
  tell_stages(f, d);
  return f;
}

/* ---- HAKMEM_SS_LIMIT. ---- */

/*
 * The number of SuperSlabs that hold `bytes`, wherever in them the longest wanted run begins. Of each, units for one run less one may stay unused.
 * 0 if the data are damaged.
 */
static uint64_t superslabs_for(const struct model_process *p, uint64_t bytes, uint32_t longest) {
  const uint64_t units = p->superslab_size / UNIT_SIZE;
  if (units == 0 || units > UNITS_MAX) return 0;
  const uint64_t usable = (units > longest ? units - longest + 1 : 1) * UNIT_SIZE;
  return bytes / usable + (bytes % usable != 0);
}

static void tell_limit(struct diagnosis *d, const struct model_process *p) {
  const uint64_t count = p->counts->counters.shared_fail_limit;
  if (count == 0) return;
  const struct refusals all = refusals_of(p, 1u << FAIL_LIMIT);
  struct finding *const f = tell(d, "limit", p, &all, count);
  char size[FORMAT_SIZE], bytes[FORMAT_SIZE];
  const uint64_t limit = p->superslab_limit, exact = superslabs_for(p, p->legacy_refused_max, all.units);
  const bool threads = p->counts->counters.thread_start > 1;
  const uint64_t more = exact + (threads && exact > 0 ? exact / 4 + 1 : 0);
  finding_what(f, "The shared pool refused %" PRIu64 " time%s, because %s%" PRIu64 " SuperSlab%s that HAKMEM_SS_LIMIT allows %s in use.", count,
               count == 1 ? "" : "s", limit == 1 ? "the " : "all ", limit, limit == 1 ? "" : "s", limit == 1 ? "was" : "were");
  finding_figure(f, "limit", (double)limit);
  finding_figure(f, "superslabs_more", (double)more);
  if (p->has_settings && more > 0) {
    finding_option(f, "HAKMEM_SS_LIMIT", "%" PRIu64, limit + more);
    finding_effect(f, "no shared_fail in a run like this one: %" PRIu64 " more SuperSlab%s of %s can hold the %s that legacy held, however filled%s", exact,
                   exact == 1 ? "" : "s", format_bytes(size, p->superslab_size), format_bytes(bytes, p->legacy_refused_max),
                   threads ? "; a quarter more, because threads never run the same way twice" : "");
  }
  finding_option(f, "HAKMEM_SS_LIMIT", "0");
  finding_effect(f, "no shared_fail by a limit, however the program grows");
  if (all.first != NULL) advise_on_state(f, &all.first->shared_fail);
}

const char *rule_limit(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) tell_limit(d, d->r->processes[i]);
  return NULL;
}

/* ---- The system. ---- */

static void tell_no_memory(struct diagnosis *d, const struct model_process *p) {
  const struct stats_counters *const c = &p->counts->counters;
  const uint64_t memory = c->shared_fail_os_enomem, space = c->shared_fail_no_address_space;
  if (memory + space == 0) return;
  const struct refusals all = refusals_of(p, 1u << FAIL_OS_ENOMEM | 1u << FAIL_NO_ADDRESS_SPACE);
  struct finding *const f = tell(d, "no_memory", p, &all, memory + space);
  char size[FORMAT_SIZE], mapped[FORMAT_SIZE];
  finding_what(f, "The system refused a SuperSlab %" PRIu64 " time%s: %s.", memory + space, memory + space == 1 ? "" : "s",
               space > memory ? "there was address space, but no aligned piece of this size" : "it was out of memory or address space");
  finding_evidence(f, "%" PRIu64 " times without memory (os_enomem), %" PRIu64 " times without an aligned piece (no_address_space)", memory, space);
  finding_evidence(f, "at most %" PRIu64 " SuperSlab%s in use, %s of address space", p->superslabs_active_max,
                   p->superslabs_active_max == 1 ? " was" : "s were", format_bytes(mapped, p->superslabs_active_max * p->superslab_size));
  finding_figure(f, "os_enomem", (double)memory);
  finding_figure(f, "no_address_space", (double)space);
  if (p->has_settings && space > 0 && p->superslab_size > 8 * UNIT_SIZE) { /* under a bound, smaller ones do not help: legacy uses what is left */
    finding_option(f, "HAKMEM_SS_SIZE", ADDRESS_SPACE_SIZE);
    finding_effect(f, "a SuperSlab needs an aligned piece of " ADDRESS_SPACE_SIZE " instead of %s", format_bytes(size, p->superslab_size));
  }
  const uint64_t more = p->legacy_refused_max + p->superslab_size;
  finding_change(f,
                 "Raise the bound of the process by at least %s: ulimit -v (address space), memory.max of its cgroup, or "
                 "vm.overcommit_memory and vm.overcommit_ratio of the machine.",
                 format_bytes(size, more));
  finding_effect(f, "no shared_fail in a run like this one, and no malloc that fails");
}

const char *rule_no_memory(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) tell_no_memory(d, d->r->processes[i]);
  return NULL;
}
