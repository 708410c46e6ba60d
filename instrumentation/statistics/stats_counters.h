/*
 * stats_counters.h: what the statistics block counts, and its gauges, as tables: one line is a member of the block, of the report and of its JSON.
 */
#ifndef HAKMEM_STATS_COUNTERS_H
#define HAKMEM_STATS_COUNTERS_H

#include <stdint.h>

#include "src/events.h"

/* Counters of the process: S(name, "meaning"). Enumerations of src/events.h appear as one counter each. */
#define STATS_COUNTERS(S) \
  S(lookup_hit, "sampled lookups that found a SuperSlab") \
  S(lookup_legacy, "sampled lookups that found a legacy mapping") \
  S(lookup_foreign, "sampled lookups of a pointer that is not ours") \
  S(lookup_probes, "places looked at by the sampled lookups") \
  S(lookup_first_probe, "sampled lookups that needed one probe") \
  S(superslab_acquire, "SuperSlabs acquired") \
  S(superslab_release, "SuperSlabs released") \
  S(shared_fail_limit, "shared_fail: HAKMEM_SS_LIMIT reached") \
  S(shared_fail_os_enomem, "shared_fail: the system had no memory") \
  S(shared_fail_no_address_space, "shared_fail: no aligned address space") \
  S(hdr_reset, "headers found wrong and put right") \
  S(thread_start, "threads that got TLS SLLs") \
  S(thread_exit, "threads whose TLS SLLs were taken over") \
  S(os_map, "mappings made") \
  S(os_map_bytes, "bytes mapped") \
  S(os_unmap, "mappings taken down") \
  S(os_unmap_bytes, "bytes unmapped") \
  S(os_purge, "purges") \
  S(os_purge_bytes, "bytes purged") \
  S(reentered, "events raised while an event was handled: counted, not raised") \
  S(os_unmap_ns, "nanoseconds in unmappings") \
  S(os_purge_ns, "nanoseconds in purges") \
  S(deepbind, "libraries opened without the RTLD_DEEPBIND that was asked for") \
  S(end_blocks, "small blocks that had a header at the end of the process, live or free") \
  S(end_checked, "blocks whose headers were checked at the end of the process") \
  S(debug_sweeps, "times that the debugging mode looked at all blocks") \
  S(debug_blocks, "blocks that it looked at") \
  S(debug_bytes, "bytes of the freed blocks among them") \
  S(debug_sweep_ns, "nanoseconds from the beginnings to the ends of these sweeps") \
  S(debug_sweep_spent_ns, "nanoseconds of them in which a thread looked at blocks") \
  S(soft_limit_crossed, "times that HAKMEM_SOFT_LIMIT was passed") \
  S(soft_limit_above_ns, "nanoseconds above it") \
  S(soft_limit_releases, "looks that found more than it resident, or found that this had ended") \
  S(soft_limit_bytes, "bytes that they released") \
  S(soft_limit_ns, "nanoseconds that they took") \
  S(lookup_probe_squares, "sum of the squares of lookup_probes of each lookup: gives the standard error of their average")

/*
 * Counters of a class row (CLASS_LARGE and CLASS_HUGE included): C(name, "meaning"). Their order keeps what a thread adds that only allocates, and what a
 * thread adds that only frees, in cache lines of their own. Otherwise each refill and each drain would take the line from the other thread.
 */
#define STATS_CLASS_COUNTERS(C) \
  C(allocs, "blocks handed out") \
  C(request_samples, "requests whose size was sampled") \
  C(request_bytes, "bytes asked for by the sampled requests") \
  C(request_squares, "sum of the squares of these bytes: gives the standard error of an average") \
  C(refill_spare, "refills from the thread's own spare list") \
  C(refill_batch, "refills from a batch that another thread drained") \
  C(refill_partial, "refills from a partial slab") \
  C(refill_fresh_slab, "refills from a fresh slab") \
  C(refill_fresh_superslab, "refills that needed a fresh SuperSlab") \
  C(refill_legacy, "refills that the legacy path served") \
  C(refill_blocks, "blocks that refills moved") \
  C(slab_acquire, "slabs acquired") \
  C(slab_release, "slabs released") \
  C(shared_fail, "times the shared pool refused") \
  C(legacy_calls, "times the legacy path served") \
  C(legacy_bytes, "bytes that the legacy path served") \
  C(frees, "blocks that were freed") \
  C(drain_interval, "drains because the interval was over") \
  C(drain_length, "drains because the list was too long") \
  C(drain_exit, "drains because the thread ended") \
  C(drain_trim, "drains because of a trim") \
  C(drain_idle, "drains of what lay idle, or was no longer in use") \
  C(drain_blocks, "blocks that drains moved") \
  C(drain_slabs, "slabs that drains touched") \
  C(hdr_reset, "headers put right") \
  C(timed_in, "blocks that reallocs took off the fast path") \
  C(timed_out, "blocks that reallocs off the fast path freed") \
  C(sampled_out, "blocks that sampled reallocs on the fast path freed, by the weight of each sample") \
  C(sampled_stays, "sampled reallocs on the fast path that did not move the block, by their weight")

/* State of a class row as of the last snapshot: G(name, "meaning"). */
#define STATS_CLASS_GAUGES(G) \
  G(requested, "bytes asked for by the live blocks (estimated from the sampled requests)") \
  G(allocated, "bytes of the live blocks' strides") \
  G(active, "bytes of the slabs in use") \
  G(capacity, "blocks that the slabs in use can hold") \
  G(live, "live blocks") \
  G(cached_tls, "free blocks in TLS SLLs") \
  G(cached_pool, "free blocks in batches of the shared pool") \
  G(partial, "free blocks in partial slabs") \
  G(slabs, "slabs in use")

/* Where the memory is, as of the last snapshot; bytes: B(name, "meaning"). */
#define STATS_BUCKETS(B) \
  B(live, "live blocks") \
  B(cached_tls, "cached in TLS SLLs") \
  B(cached_pool, "cached in the shared pool") \
  B(partial, "free in partial slabs") \
  B(empty, "empty slabs") \
  B(tails, "slab tails") \
  B(huge_cache, "huge blocks kept for reuse") \
  B(metadata, "metadata") \
  B(guarded, "blocks at guard pages")

#define STATS_MEMBER(name, text) uint64_t name;
struct stats_counters {
  STATS_COUNTERS(STATS_MEMBER)
};
struct stats_class_counters {
  STATS_CLASS_COUNTERS(STATS_MEMBER)
} __attribute__((aligned(64)));
static_assert(offsetof(struct stats_class_counters, frees) == 128 && offsetof(struct stats_class_counters, drain_slabs) == 184, "a line of their own");
struct stats_class_gauges {
  STATS_CLASS_GAUGES(STATS_MEMBER)
};
struct stats_buckets {
  STATS_BUCKETS(STATS_MEMBER)
};

/* Over all reasons; over all sources. */
static inline uint64_t stats_drains(const struct stats_class_counters *c) {
  return c->drain_interval + c->drain_length + c->drain_exit + c->drain_trim + c->drain_idle;
}
/* The counter of the drains for a reason. */
static inline uint64_t *stats_drain_counter(struct stats_class_counters *c, enum drain_reason reason) {
  uint64_t *const by_reason[drain_reason_count] = {[DRAIN_INTERVAL] = &c->drain_interval,
                                                   [DRAIN_LENGTH] = &c->drain_length,
                                                   [DRAIN_EXIT] = &c->drain_exit,
                                                   [DRAIN_TRIM] = &c->drain_trim,
                                                   [DRAIN_IDLE] = &c->drain_idle};
  return by_reason[reason];
}
/* The counter of the refills from a source. */
static inline uint64_t *stats_refill_counter(struct stats_class_counters *c, enum refill_source source) {
  uint64_t *const by_source[refill_source_count] = {[REFILL_SPARE] = &c->refill_spare,
                                                    [REFILL_BATCH] = &c->refill_batch,
                                                    [REFILL_PARTIAL] = &c->refill_partial,
                                                    [REFILL_FRESH_SLAB] = &c->refill_fresh_slab,
                                                    [REFILL_FRESH_SUPERSLAB] = &c->refill_fresh_superslab,
                                                    [REFILL_LEGACY] = &c->refill_legacy};
  return by_source[source];
}
static inline uint64_t stats_refills(const struct stats_class_counters *c) {
  return c->refill_spare + c->refill_batch + c->refill_partial + c->refill_fresh_slab + c->refill_fresh_superslab + c->refill_legacy;
}

/*
 * The square of the standard error of `requested`, for `live` blocks of a class of this stride: live^2 * the variance of the mean of the sampled requests. Of
 * less than two samples, a request may be anything that the class serves.
 */
static inline uint64_t stats_requested_variance(const struct stats_class_counters *c, uint64_t live, uint64_t stride) {
  const double n = (double)__atomic_load_n(&c->request_samples, __ATOMIC_RELAXED), blocks = (double)live;
  double of_mean = (double)stride * (double)stride / 16; /* the classes lie closer than a quarter of the stride, except for the smallest */
  if (n >= 2) {
    const double mean = (double)__atomic_load_n(&c->request_bytes, __ATOMIC_RELAXED) / n;
    const double spread = ((double)__atomic_load_n(&c->request_squares, __ATOMIC_RELAXED) - n * mean * mean) / (n - 1);
    of_mean = spread > 0 ? spread / n : 0;
  }
  const double variance = blocks * blocks * of_mean, most = (double)(UINT64_MAX / 128); /* so the sum over all classes has room */
  return variance < most ? (uint64_t)variance : UINT64_MAX / 128;
}

/*
 * Slabs of a class with few live blocks, as of a snapshot: P(name, "meaning"). Without HAKMEM_PROFILE the age of these blocks is unknown. But they
 * have kept the slab from being empty at least since a block was last taken from it.
 */
#define STATS_PINS(P) \
  P(slabs, "slabs of which few blocks are in use") \
  P(free, "free bytes of these") \
  P(idle_ms, "sum of the milliseconds since a block was last taken from them") \
  P(longest_ms, "longest of these times")
struct stats_pins {
  STATS_PINS(STATS_MEMBER)
};

#endif
