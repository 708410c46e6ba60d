/*
 * explain_time.c: rules about time: lookups, refills, drains, huge blocks, mappings, the soft limit. Durations of all processes together, except of the
 * last one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "explain.h"
#include "common/format.h"

#define PAGE_BYTES 4096.0
#define IN_TICKS "the durations are in clock ticks of unknown length"

static double sum_of(struct histogram *const table[CLASS_ROWS]) {
  double sum = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    if (table[cls] != NULL) sum += (double)table[cls]->sum;
  }
  return sum;
}

static struct stats_class_counters sum_of_classes(const struct report *r) {
  struct stats_class_counters sum = {0};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const c = &r->total->cls[cls].counters;
#define ADD_COUNTER(name, text) sum.name += c->name;
    STATS_CLASS_COUNTERS(ADD_COUNTER)
  }
  return sum;
}

static bool is_costly(const struct diagnosis *d, double ns) { return ns >= threshold.time_ns && ns >= threshold.time_share * d->time_ns; }

/* The process whose settings stand for all: the largest. NULL if it did not tell them. */
static const struct model_process *settings(const struct diagnosis *d) {
  const struct model_process *const p = model_largest_process(d->r);
  return p != NULL && p->has_settings ? p : NULL;
}

/* What whole calls take beside the work that the finding is about. */
static void tell_calls(struct finding *f, const struct diagnosis *d) {
  const struct model_calls *const calls = d->page->stats != NULL ? &d->page->stats->calls : NULL;
  struct histogram *const all = calls != NULL && calls->elapsed_ns > 0 ? calls_merged(calls, CALL_KIND_COUNT) : NULL;
  if (all == NULL) return;
  char tail[FORMAT_SIZE], longest[FORMAT_SIZE];
  double error;
  calls_time(calls, CALL_KIND_COUNT, &error);
  finding_evidence(f, "all calls of malloc and its family take %.1f %% (+-%.1f %%) of the time%s; p99.9 is %s, the longest took %s",
                   (double)all->sum / (double)calls->elapsed_ns * 100, error / (double)calls->elapsed_ns * 100,
                   all->sum > calls->elapsed_ns ? ", all threads together" : "", format_ns(tail, (double)histogram_quantile(all, 0.999)),
                   format_ns(longest, (double)all->max));
  free(all);
}

/* ---- Lookups: few are timed, so a preempted one must not stand for thousands. ---- */

/* The mean, with values above the quantile clamped to it. */
static double cut_mean(const struct histogram *h, double quantile) {
  const double longest = (double)histogram_quantile(h, quantile);
  double sum = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const double middle = ((double)histogram_lower(i) + (double)histogram_upper(i)) / 2;
    sum += (double)h->bucket[i] * (middle < longest ? middle : longest);
  }
  return sum / (double)h->count;
}

const char *rule_lookup_strategy(struct diagnosis *d) {
  const struct model_latency *const l = &d->r->latency;
  const struct stats_counters *const c = &d->r->total->counters;
  const uint64_t frees = sum_of_classes(d->r).frees;
  if (l->ticks) return IN_TICKS;
  if (model_lookups(c) == 0) return "no lookup was timed (HAKMEM_STATS_SAMPLE)";
  for (unsigned s = STRATEGY_DIRECTORY + 1; s < lookup_strategy_count; s++) {
    struct histogram *const h = model_merged(l->lookup[s]);
    const struct model_estimate each = model_probes(c);
    const double probes = each.value;
    const double ns = h != NULL ? cut_mean(h, 0.99) * (double)(frees > h->count ? frees : h->count) : 0;
    if (h == NULL || (probes < threshold.probes && !is_costly(d, ns))) {
      free(h);
      continue;
    }
    char mean[FORMAT_SIZE], tail[FORMAT_SIZE];
    struct finding *const f = finding_add(d, "lookup_strategy", FINDING_COST, NULL);
    finding_what(f, "SuperSlabs are looked up by strategy %s, with %.1f probes for each free.", model_lookup_strategy_name(s), probes);
    finding_cost(f, COST_NS, explain_in_calls(d, ns), d->time_ns);
    finding_evidence(f, "%" PRIu64 " lookups timed: %s on average, %s at p99.9", h->count, format_ns(mean, histogram_mean(h)),
                     format_ns(tail, (double)histogram_quantile(h, 0.999)));
    finding_evidence(f, "%" PRIu64 " probes for %" PRIu64 " lookups (%.2f +-%.2f for each); %" PRIu64 " needed one", c->lookup_probes, model_lookups(c),
                     each.value, each.error, c->lookup_first_probe);
    finding_evidence(f, "%" PRIu64 " frees, each with a lookup", frees);
    tell_calls(f, d);
    finding_figure(f, "probes", probes);
    finding_figure(f, "mean_ns", histogram_mean(h));
    finding_option(f, "HAKMEM_LOOKUP", "directory");
    finding_effect(f, "one probe for each lookup, however many SuperSlabs there are, and no detour through the slow path");
    free(h);
  }
  return NULL;
}

/* ---- Drains and refills. ---- */

const char *rule_drains(struct diagnosis *d) {
  static const uint64_t standard_interval = 2048; /* HAKMEM_DRAIN_INTERVAL's default */
  if (d->r->latency.ticks) return IN_TICKS;
  const struct stats_class_counters c = sum_of_classes(d->r);
  const uint64_t drains = stats_drains(&c);
  const double ns = sum_of(d->r->latency.drain);
  if (drains < (uint64_t)threshold.drains || !is_costly(d, ns)) return NULL;
  char mean[FORMAT_SIZE];
  const struct model_process *const p = settings(d);
  const double moved = (double)c.drain_blocks / (double)drains;
  const bool often = p != NULL && p->drain_interval > 0 && p->drain_interval < standard_interval && c.drain_interval * 2 > drains;
  const bool travel = d->r->total->counters.thread_start > 1 && (double)c.refill_batch > threshold.batch_share * (double)stats_refills(&c) &&
                      (double)c.drain_blocks > threshold.travel_share * (double)c.frees;
  if (!often && !travel) return NULL; /* each block that is freed for good leaves the lists by a drain, and no change saves that */
  struct finding *const f = finding_add(d, "drains", FINDING_COST, NULL);
  finding_what(f, "Drains take %.1f %% of the time: %" PRIu64 " of them, moving %.1f blocks each%s.", ns / d->time_ns * 100, drains, moved,
               travel ? ", from one thread to another" : "");
  finding_cost(f, COST_NS, ns, d->time_ns);
  finding_evidence(f, "%" PRIu64 " drains by interval, %" PRIu64 " by length, %" PRIu64 " at a thread's end, %" PRIu64 " by a trim, %" PRIu64 " of idle lists",
                   c.drain_interval, c.drain_length, c.drain_exit, c.drain_trim, c.drain_idle);
  finding_evidence(f, "%s each on average; %" PRIu64 " frees, %.0f for each drain", format_ns(mean, ns / (double)drains), c.frees,
                   (double)c.frees / (double)drains);
  finding_evidence(f, "%" PRIu64 " blocks left the lists; %" PRIu64 " entered them again by refills", c.drain_blocks, c.refill_blocks);
  tell_calls(f, d);
  finding_figure(f, "drains", (double)drains);
  finding_figure(f, "interval_drains", (double)c.drain_interval);
  finding_figure(f, "moved", moved);
  if (often) {
    const double factor = (double)p->drain_interval / (double)standard_interval;
    finding_option(f, "HAKMEM_DRAIN_INTERVAL", "%" PRIu64, standard_interval);
    finding_effect(f, "at most %.0f drains by interval instead of %" PRIu64, (double)c.drain_interval * factor + 1, c.drain_interval);
    finding_figure(f, "interval_drains_then", (double)c.drain_interval * factor + 1);
  }
  if (travel) {
    finding_evidence(f, "%" PRIu64 " of %" PRIu64 " refills took a batch that another thread had drained", c.refill_batch, stats_refills(&c));
    finding_change(f, "Blocks travel from threads that free them to threads that allocate them: free them in the thread that allocated them, or use them "
                      "again in the thread that has them.");
    finding_effect(f, "the blocks stay in the lists of one thread: of these drains, few remain");
  }
  return NULL;
}

/* The blocks of refills that were the first at their address. */
static double fresh_blocks(const struct report *r) {
  double sum = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct stats_class_counters *const c = &r->total->cls[cls].counters;
    const uint64_t capacity = (class_slab_units(cls) * UNIT_SIZE - MIN_ALIGN) / class_stride(cls);
    const uint64_t fresh = c->slab_acquire * capacity;
    sum += (double)(fresh < c->refill_blocks ? fresh : c->refill_blocks);
  }
  return sum;
}

/* Bytes of all acquired slabs, and the most that were in use at a time, of all processes. */
static double acquired_bytes(const struct report *r) {
  double sum = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) sum += (double)r->total->cls[cls].counters.slab_acquire * (double)(class_slab_units(cls) * UNIT_SIZE);
  return sum;
}

static double most_active(const struct report *r) {
  double sum = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    uint64_t most = 0;
    for (size_t n = 0; n < p->timeline_length; n++) {
      if (p->timeline[n].active != UNKNOWN && p->timeline[n].active > most) most = p->timeline[n].active;
    }
    sum += (double)most;
  }
  return sum;
}

/* A program that touches memory for the first time has fresh slabs as well, but no change saves that. */
const char *rule_fresh_slabs(struct diagnosis *d) {
  if (d->r->latency.ticks) return IN_TICKS;
  const struct stats_class_counters c = sum_of_classes(d->r);
  const uint64_t refills = stats_refills(&c);
  const double fresh = fresh_blocks(d->r), all = (double)c.refill_blocks, ns = sum_of(d->r->latency.refill) * fresh / (all > 0 ? all : 1);
  if (refills < (uint64_t)threshold.refills || fresh < threshold.fresh_share * all || !is_costly(d, ns)) return NULL;
  if (acquired_bytes(d->r) <= threshold.churn * most_active(d->r)) return NULL;
  char mean[FORMAT_SIZE], most[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "fresh_slabs", FINDING_COST, NULL);
  finding_what(f, "%.0f %% of the blocks of refills come from fresh slabs: slabs are emptied, released and acquired again.", fresh / all * 100);
  finding_cost(f, COST_NS, ns, d->time_ns);
  finding_evidence(f,
                   "of %" PRIu64 " refills, %" PRIu64 " by a fresh slab, %" PRIu64 " by a fresh SuperSlab, %" PRIu64 " by a partial slab, %" PRIu64
                   " by a batch, %" PRIu64 " by the thread's spare list",
                   refills, c.refill_fresh_slab, c.refill_fresh_superslab, c.refill_partial, c.refill_batch, c.refill_spare);
  finding_evidence(f, "%s for a refill on average; first touches of pages are part of it", format_ns(mean, sum_of(d->r->latency.refill) / (double)refills));
  finding_evidence(f, "%" PRIu64 " slabs came, %" PRIu64 " went; at most %s of slabs were in use at a time", c.slab_acquire, c.slab_release,
                   format_bytes(most, whole_number(most_active(d->r))));
  tell_calls(f, d);
  finding_figure(f, "fresh_share", fresh / all);
  finding_figure(f, "refills", (double)refills);
  finding_figure(f, "acquired", (double)c.slab_acquire);
  finding_change(f, "Keep blocks from one phase of the program for the next (a pool, a free list) instead of freeing all of them.");
  finding_effect(f, "a kept block needs no refill and no drain, and its pages have memory");
  return NULL;
}

/* ---- The system. ---- */

const char *rule_huge_blocks(struct diagnosis *d) {
  const struct histogram *const h = d->r->latency.legacy;
  const struct stats_class_counters *const huge = &d->r->total->cls[CLASS_HUGE].counters, all = sum_of_classes(d->r);
  if (d->r->latency.ticks) return IN_TICKS;
  const uint64_t refused = d->r->total->cls[CLASS_LARGE].counters.shared_fail;
  if (h == NULL || huge->legacy_calls <= refused) return NULL;
  const uint64_t calls = huge->legacy_calls - refused;
  const double ns = (double)h->sum * (double)calls / (double)all.legacy_calls;
  if (calls < (uint64_t)threshold.huge_blocks || !is_costly(d, ns)) return NULL;
  char mean[FORMAT_SIZE], size[FORMAT_SIZE], bound[FORMAT_SIZE];
  const struct model_process *const p = settings(d);
  const uint64_t mean_size = huge->legacy_bytes / huge->legacy_calls;
  struct finding *const f = finding_add(d, "huge_blocks", FINDING_COST, NULL);
  finding_what(
    f, "%" PRIu64 " blocks of %s on average took the legacy path: too large for a SuperSlab, aligned to more than 64 KiB, or moved by realloc and growing.",
    calls, format_bytes(size, mean_size));
  finding_cost(f, COST_NS, ns, d->time_ns);
  finding_evidence(f, "%s each on average, under one lock for all threads, and without the page faults of the first touches",
                   format_ns(mean, histogram_mean(h)));
  finding_evidence(f, "%" PRIu64 " mappings were made, so about %" PRIu64 " of the blocks came from memory kept for reuse", d->r->total->counters.os_map,
                   calls > d->r->total->counters.os_map ? calls - d->r->total->counters.os_map : 0);
  tell_calls(f, d);
  finding_figure(f, "calls", (double)calls);
  finding_figure(f, "mean_bytes", (double)mean_size);
  if (p != NULL && mean_size <= p->superslab_size / 2) {
    finding_change(f, "Give arrays that grow their final size at once, if it is known, by reserve() or a first realloc.");
    finding_effect(f, "a block is allocated once, and not copied");
    return NULL;
  }
  if (p != NULL && p->superslab_size < 4194304 && mean_size <= 2097152) {
    finding_option(f, "HAKMEM_SS_SIZE", "4M");
    finding_effect(f, "blocks of up to 2 MiB come from SuperSlabs, now up to %s, except those that realloc moves", format_bytes(bound, p->superslab_size / 2));
  }
  const uint64_t mapped = d->r->total->counters.os_map;
  finding_change(f, "Keep large buffers for their next use instead of freeing them%s.",
                 mapped >= calls / 2 ? ": most of these needed a system call, because too little was freed shortly before" : "");
  finding_effect(f, "a kept buffer costs no global lock, no system call and no page fault");
  return NULL;
}

const char *rule_map_churn(struct diagnosis *d) {
  const struct model_process *const p = model_largest_process(d->r);
  const struct stats_counters *const c = &d->r->total->counters;
  const struct histogram *const map = d->r->latency.map;
  if (d->r->latency.ticks) return IN_TICKS;
  if (p == NULL || p->superslabs_active_max == 0 || map == NULL) return NULL;
  const double rounds = (double)c->superslab_release / (double)p->superslabs_active_max;
  const double faults = (double)(c->os_unmap_bytes + c->os_purge_bytes) / PAGE_BYTES * threshold.fault_ns;
  const double calls = (double)(map->sum + c->os_unmap_ns + c->os_purge_ns);
  if (rounds < threshold.churn || !is_costly(d, calls + faults)) return NULL;
  char bytes[FORMAT_SIZE], a[FORMAT_SIZE], b[FORMAT_SIZE];
  const double delay_ms = 2 * d->time_ns / rounds / 1e6 + 1;
  struct finding *const f = finding_add(d, "map_churn", FINDING_COST, NULL);
  finding_what(f, "Memory is returned to the kernel and requested again: %" PRIu64 " SuperSlabs were mapped, although at most %" PRIu64 " were in use.",
               c->superslab_acquire, p->superslabs_active_max);
  finding_cost(f, COST_NS, calls + faults, d->time_ns);
  finding_evidence(f, "%" PRIu64 " SuperSlabs came, %" PRIu64 " went; %" PRIu64 " purges of %s together", c->superslab_acquire, c->superslab_release,
                   c->os_purge, format_bytes(bytes, c->os_purge_bytes));
  finding_evidence(f, "%s in the system's calls, and an estimated %s in page faults, at %.0f ns for each returned page", format_ns(a, calls),
                   format_ns(b, faults), threshold.fault_ns);
  if (p->has_settings) finding_evidence(f, "HAKMEM_RELEASE_DELAY is %" PRIu64 " ms", p->release_delay);
  tell_calls(f, d);
  finding_figure(f, "released", (double)c->superslab_release);
  finding_figure(f, "active_max", (double)p->superslabs_active_max);
  finding_option(f, "HAKMEM_RELEASE_DELAY", "%.0f", delay_ms);
  finding_effect(f, "a SuperSlab waits for twice the time between two rounds of this run before it is returned, so hardly any is");
  return NULL;
}

/* ---- The soft limit. ---- */

#define LIMIT_ROOM 1.25 /* of the most that was live: what lists, partial slabs and metadata need beside the blocks */

/* The most bytes of live blocks that a snapshot saw. */
static uint64_t most_live(const struct model_process *p) {
  uint64_t most = p->has_buckets ? p->buckets.live : 0;
  for (size_t i = 0; i < p->timeline_length; i++) {
    if (p->timeline[i].allocated != UNKNOWN && p->timeline[i].allocated > most) most = p->timeline[i].allocated;
  }
  return most;
}

static void tell_limit(struct diagnosis *d, const struct model_process *p) {
  const struct stats_counters *const c = &p->counts->counters;
  const uint64_t limit = p->settings[SETTING_SOFT_LIMIT].value, live = most_live(p);
  const double faults = (double)c->soft_limit_bytes / PAGE_BYTES * threshold.fault_ns, cost = (double)c->soft_limit_ns + faults;
  const bool in_vain = limit != 0 && live > limit && (double)c->soft_limit_above_ns >= threshold.limit_share * explain_time(p);
  if (c->soft_limit_crossed == 0 || (!in_vain && (cost < threshold.time_ns || cost < threshold.time_share * explain_time(p)))) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "soft_limit", FINDING_COST, p);
  if (in_vain) {
    finding_what(f, "HAKMEM_SOFT_LIMIT cannot be kept: up to %s were live, and the limit is %s.", format_bytes(a, live), format_bytes(b, limit));
  } else {
    finding_what(f, "Memory is released for HAKMEM_SOFT_LIMIT and needed again: %s, %" PRIu64 " times above it.", format_bytes(a, c->soft_limit_bytes),
                 c->soft_limit_crossed);
  }
  finding_cost(f, COST_NS, cost, explain_time(p));
  finding_evidence(f, "above the limit for %s in all", format_ns(a, (double)c->soft_limit_above_ns));
  finding_evidence(f, "%s in the releases, and an estimated %s in page faults, at %.0f ns for each released page", format_ns(a, (double)c->soft_limit_ns),
                   format_ns(b, faults), threshold.fault_ns);
  finding_figure(f, "limit", (double)limit);
  finding_figure(f, "live", (double)live);
  finding_figure(f, "above_ns", (double)c->soft_limit_above_ns);
  const double most = (double)(p->rss_max != UNKNOWN && p->rss_max > live ? p->rss_max : live);
  finding_option(f, "HAKMEM_SOFT_LIMIT", "%" PRIu64, whole_number(most * LIMIT_ROOM));
  finding_effect(f, "free memory is kept for its next use; or let the program hold less, for which explain's other findings and HAKMEM_PROFILE help");
}

const char *rule_soft_limit(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) tell_limit(d, d->r->processes[i]);
  return NULL;
}
