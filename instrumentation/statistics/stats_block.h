/*
 * stats_block.h: the counters and histograms of one process, in one block of fixed layout: the format of the statistics file.
 *
 * The block lies in ordinary memory. With HAKMEM_STATS_FILE, it is copied to a file at the start, at the end, and after at most 100 ms of work. So
 * a reader (the companion program) sees the counters grow, and has the last copy of a process that hangs or was killed. Zero pages are holes of the
 * file. The layout is versioned: a reader refuses another version, size or class count. All times are nanoseconds, all sizes bytes. This header
 * knows nothing of the allocator's inner parts, so that the companion program can include it.
 *
 *   per class, when no thread is running:  live = allocs - frees;  allocated = live * stride
 *   allocs and frees are exact once `complete` is set; before, a thread's last operations (at most one
 *   budget per class) may be missing.
 */
#ifndef HAKMEM_STATS_BLOCK_H
#define HAKMEM_STATS_BLOCK_H

#include "src/events.h"
#include "src/memory/layout.h"
#include "src/slabs/size_class.h"
#include "control.h"
#include "histogram.h"

#define STATS_MAGIC "HAKSTATS"
#define STATS_MARK "hakmem keeps statistics in HAKMEM_STATS_FILE" /* in each program that the library is linked into */
#define STATS_VERSION 15

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
  S(end_blocks, "blocks at the end of the process") \
  S(end_checked, "blocks whose headers were checked at the end of the process") \
  S(debug_sweeps, "times that the debugging mode looked at all blocks") \
  S(debug_blocks, "blocks that it looked at") \
  S(debug_bytes, "bytes of the freed blocks among them") \
  S(debug_sweep_ns, "nanoseconds from the beginnings to the ends of these sweeps")

/* Counters of a class row (CLASS_LARGE and CLASS_HUGE included): C(name, "meaning"). */
#define STATS_CLASS_COUNTERS(C) \
  C(allocs, "blocks handed out") \
  C(frees, "blocks that came back") \
  C(request_samples, "requests whose size was sampled") \
  C(request_bytes, "bytes asked for by the sampled requests") \
  C(refill_spare, "refills from the thread's own spare list") \
  C(refill_batch, "refills from a batch that another thread drained") \
  C(refill_partial, "refills from a partial slab") \
  C(refill_fresh_slab, "refills from a fresh slab") \
  C(refill_fresh_superslab, "refills that needed a fresh SuperSlab") \
  C(refill_legacy, "refills that the legacy path served") \
  C(refill_blocks, "blocks that refills moved") \
  C(drain_interval, "drains because the interval was over") \
  C(drain_length, "drains because the list was too long") \
  C(drain_exit, "drains because the thread ended") \
  C(drain_trim, "drains because of a trim") \
  C(drain_idle, "drains of what the release delay found lying idle") \
  C(drain_blocks, "blocks that drains moved") \
  C(drain_slabs, "slabs that drains touched") \
  C(slab_acquire, "slabs acquired") \
  C(slab_release, "slabs released") \
  C(shared_fail, "times the shared pool refused") \
  C(legacy_calls, "times the legacy path served") \
  C(legacy_bytes, "bytes that the legacy path served") \
  C(hdr_reset, "headers put right") \
  C(timed_in, "blocks that reallocs took off the fast path") \
  C(timed_out, "blocks that reallocs off the fast path freed") \
  C(sampled_out, "blocks that sampled reallocs on the fast path freed") \
  C(sampled_stays, "sampled reallocs on the fast path that left the block where it was")

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
};
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

/* The file names of other allocators: F("begin of the file name", "name"). Those that are loaded are among the modules. */
/* clang-format off */
#define ALLOCATOR_FILES(F)                                                    \
  F("libjemalloc", "jemalloc") F("libtcmalloc", "tcmalloc") F("libmimalloc", "mimalloc") F("libsnmalloc", "snmalloc") \
  F("librpmalloc", "rpmalloc") F("libtbbmalloc", "tbbmalloc") F("libhoard", "Hoard") F("libhardened_malloc", "hardened_malloc") \
  F("libscudo", "Scudo") F("libmesh", "Mesh") F("libdieharder", "DieHarder")
/* clang-format on */
#define ALLOCATOR_ENTRY(file, name) {file, name},

#define STATS_UTILISATION_BINS 11 /* 0-9 %, 10-19 %, ..., 90-99 %, 100 % of a slab's blocks are live */
#define STATS_TIMELINE 512
#define STATS_STACKS 1024
#define STATS_FRAMES 32
#define STATS_MODULES 128
#define STATS_INCIDENTS 64
#define STATS_LEAKS 64
#define STATS_SITES 512
#define STATS_PINNED 20 /* percent: a slab is pinned if at most this share of its blocks is in use */
#define STATS_TEXT 256
#define STATS_MAPS 12
#define STATS_MAP_SUPERSLABS 256
#define STATS_MAP_SLABS 8192
#define STATS_BUILD_ID 68 /* in hexadecimal; 20 bytes are usual */
#define STATS_STAGES 6
#define STATS_THREADS 32
#define STATS_THREAD_NAME 16
#define STATS_MAPPINGS 8

/* One moment of the process. The timeline covers the whole run: when it is full, every second point is dropped and the period doubles. */
struct stats_moment {
  uint64_t time_ns;                                         /* since the start of the process's hakmem */
  uint64_t requested, allocated, active, committed, mapped; /* bytes */
  uint64_t rss;                                             /* bytes, from the kernel */
  struct stats_buckets buckets;
};

/*
 * Latencies over time: H(kind, "of what"). Row n counts those from 2^(n-1) ns on, row 0 those of 0 ns, the last row also all longer ones. The counts
 * never fall. A column has those up to its time, so the difference of two columns is what happened between them. When the table is full, every second
 * column is dropped and the period doubles.
 */
#define STATS_HEAT_KINDS(H) \
  H(lookup, "sampled lookups of SuperSlabs") \
  H(refill, "refills") \
  H(drain, "drains") \
  H(call, "calls that left the fast path")
#define STATS_HEAT_KIND(kind, text) HEAT_##kind,
enum stats_heat_kind { STATS_HEAT_KINDS(STATS_HEAT_KIND) HEAT_KINDS };
#define STATS_HEAT_ROWS 28
#define STATS_HEAT 64
struct stats_heat_counts {
  uint32_t count[HEAT_KINDS][STATS_HEAT_ROWS];
};
struct stats_heat {
  struct stats_heat_counts now;
  uint64_t period_ns;
  uint32_t length, unused;
  struct {
    uint64_t time_ns; /* since the start */
    struct stats_heat_counts counts;
  } column[STATS_HEAT];
};
static inline unsigned stats_heat_row(uint64_t ns) {
  const unsigned row = 63u ^ (unsigned)__builtin_clzll(2 * ns + 1); /* so 0 needs no branch */
  return row < STATS_HEAT_ROWS ? row : STATS_HEAT_ROWS - 1;
}

/* The scheduled snapshot with the most memory that was resident and in no live block. */
struct stats_idlest {
  uint64_t time_ns;                         /* since the start; 0: none yet */
  uint64_t idle, allocated, committed, rss; /* bytes */
  struct stats_buckets buckets;
  struct stats_class_gauges gauge[CLASS_ROWS];
};

/* The threads whose lists of free blocks hold most, the largest first. */
struct stats_thread {
  uint32_t tid;     /* 0: it has ended, and the next thread takes its lists over */
  uint32_t idle_ms; /* since it was last in its slow path */
  uint64_t bytes;
  char name[STATS_THREAD_NAME]; /* "" if unknown */
};
struct stats_threads {
  uint32_t count, unused; /* threads with lists; the table has the first STATS_THREADS of them */
  struct stats_thread row[STATS_THREADS];
};

/* Mappings by name, the largest first: a file's path, "[stack]", "[anon]" for memory without a name, hakmem's own included. Empty name: no more. */
struct stats_mapping {
  char name[STATS_TEXT];
  uint64_t resident; /* bytes */
};
#define STATS_MAPPING_ANONYMOUS "[anon]"
#define STATS_MAPPING_STACKS "[thread stacks]" /* mappings without a name, behind a page without access */

/*
 * A frame lies in the youngest module there whose epoch is not larger than the stack's, because objects are loaded and unloaded. `cut` is 1 if the
 * stack had more than STATS_FRAMES frames.
 */
struct stats_stack {
  uint32_t id, frame_count;
  uint64_t frames[STATS_FRAMES];
  uint32_t epoch, cut;
};
struct stats_module {
  uint64_t base, size, offset;
  char path[STATS_TEXT];
  uint32_t epoch;
  char build_id[STATS_BUILD_ID];
};

/* An incident: an event, kept as it was raised. The same incident is kept once, with a count. */
#define INCIDENT_KIND(constant, event) INCIDENT_##constant,
#define INCIDENT_MEMBER(constant, event) struct event_##event event;
enum stats_incident_kind { INCIDENT_NONE, HAK_INCIDENTS(INCIDENT_KIND) INCIDENT_KINDS };
struct stats_incident {
  uint32_t kind; /* enum stats_incident_kind; written last */
  uint32_t tid;
  uint64_t time_ns;
  uint64_t count; /* how often it happened */
  union {
    HAK_INCIDENTS(INCIDENT_MEMBER)
  };
};

/* Two incidents with the same key are the same. `why` is the verdict or the reason. */
struct stats_incident_key {
  uint32_t kind, cls, stack, why;
};
static inline struct stats_incident_key stats_incident_key(const struct stats_incident *i) {
  return i->kind == INCIDENT_HDR_RESET ? (struct stats_incident_key){i->kind, i->hdr_reset.cls, i->hdr_reset.stack, i->hdr_reset.verdict}
                                       : (struct stats_incident_key){i->kind, i->shared_fail.cls, i->shared_fail.stack, i->shared_fail.reason};
}
static inline bool stats_incident_is_same(const struct stats_incident *a, const struct stats_incident *b) {
  const struct stats_incident_key x = stats_incident_key(a), y = stats_incident_key(b);
  return x.kind == y.kind && x.cls == y.cls && x.stack == y.stack && x.why == y.why;
}

/* Live blocks at the end by kind and stack, those with most bytes first. Stack 0: unknown, or the sum of those not listed. */
struct stats_leak {
  uint32_t kind, stack; /* enum leak_kind */
  uint64_t bytes, blocks;
};

/*
 * Live blocks of one class by their allocating stack, estimated from the records of HAKMEM_PROFILE: each stands for 1 / chance. A block is charged
 * with its share of the free bytes in its slab. S(name, "meaning").
 */
#define STATS_SITE_FIGURES(S) \
  S(samples, "live blocks that were recorded") \
  S(blocks, "live blocks, estimated") \
  S(requested, "bytes asked for, estimated") \
  S(allocated, "bytes of their strides, estimated") \
  S(waste, "free bytes of the slabs that they lie in: their share") \
  S(pinned, "the part of these in slabs that are hardly used") \
  S(pins, "live blocks in slabs that are hardly used, estimated") \
  S(age_ms, "sum of the ages, of the estimated blocks") \
  S(pin_age_ms, "sum of the ages of those in slabs that are hardly used") \
  S(blocks_variance, "square of the standard error of `blocks`") \
  S(allocated_variance, "square of the standard error of `allocated`") \
  S(waste_variance, "square of the standard error of `waste`") \
  S(pinned_variance, "square of the standard error of `pinned`")

/* Not whole numbers: a block that stands for 1.5 others would be cut to one, and a mean age could be above the oldest. */
#define STATS_ESTIMATE(name, text) double name;
struct stats_site {
  uint32_t stack, cls; /* stack 0: unknown */
  STATS_SITE_FIGURES(STATS_ESTIMATE)
  uint64_t oldest_ms;
};

/* The profile of one moment. The sums over all blocks and slabs are exact; the figures of the sites estimate their parts. */
struct stats_profile {
  uint64_t time_ns;       /* since the start */
  uint64_t allocated;     /* bytes of live blocks' strides */
  uint64_t waste, pinned; /* free bytes of slabs with blocks in use; pinned_slabs: those that are hardly used */
  uint64_t pinned_slabs;
  uint32_t site_count, rest_count; /* rest_count sites found no place in the table; `rest` is their sum */
  struct stats_site rest;
  struct stats_site sites[STATS_SITES];
};

/* The kept moments: the last, the one with most live memory, the one with most that was resident and in no live block. */
enum stats_profile_moment { PROFILE_LAST, PROFILE_PEAK, PROFILE_IDLEST, PROFILE_MOMENTS };

/* A histogram per class: tables by octaves, each for this many classes, because a process mostly uses neighbouring classes. A power
 * of 2, so that the place of a class costs no division. */
#define STATS_SPAN_CLASSES 32u
#define STATS_SPAN_TABLES ((CLASS_ROWS + STATS_SPAN_CLASSES - 1) / STATS_SPAN_CLASSES)
struct stats_spans {
  struct histogram_head head[CLASS_ROWS];
  struct {
    uint16_t bucket[HISTOGRAM_OCTAVES][STATS_SPAN_CLASSES][HISTOGRAM_STEPS];
  } low[STATS_SPAN_TABLES];
  struct {
    uint32_t bucket[HISTOGRAM_OCTAVES][STATS_SPAN_CLASSES][HISTOGRAM_STEPS];
  } high[STATS_SPAN_TABLES];
};
static inline struct histogram_row stats_span(struct stats_spans *spans, uint32_t cls) {
  const uint32_t table = cls / STATS_SPAN_CLASSES, row = cls % STATS_SPAN_CLASSES;
  return (struct histogram_row){&spans->head[cls], spans->low[table].bucket[0][row], spans->high[table].bucket[0][row],
                                (size_t)STATS_SPAN_CLASSES * HISTOGRAM_STEPS};
}

/* The histograms without a class, in one table: those of the refills that reached a stage (REFILL_STAGES of src/events.h), then the others. */
enum stats_timing { TIMING_LEGACY = STATS_STAGES, TIMING_MAP, TIMING_COUNT };
struct stats_timings {
  struct histogram_head head[TIMING_COUNT];
  uint16_t low[HISTOGRAM_OCTAVES][TIMING_COUNT][HISTOGRAM_STEPS];
  uint32_t high[HISTOGRAM_OCTAVES][TIMING_COUNT][HISTOGRAM_STEPS];
};
static inline struct histogram_row stats_timing(struct stats_timings *timings, unsigned timing) {
  return (struct histogram_row){&timings->head[timing], timings->low[0][timing], timings->high[0][timing], (size_t)TIMING_COUNT * HISTOGRAM_STEPS};
}

/*
 * The time of whole calls, by kind and class, in ns. `slow`: the calls that left the fast path; of those that did so only to renew a budget, one in
 * CALL_PLAIN_EACH, counted as often as that. `fast`: a sample of the others. tools/model/calls.h says how both make the distribution of all calls.
 */
struct stats_call_times {
  struct stats_spans slow[CALL_KIND_COUNT], fast[CALL_KIND_COUNT];
};

/* One of the longest calls. */
struct stats_call {
  uint64_t ns;      /* 0: unused */
  uint64_t time_ns; /* when it ended, since the start */
  uint32_t tid, kind, cls, frame_count;
  uint64_t size;                        /* bytes asked for; 0 for a free */
  uint64_t stage[CALL_STAGE_COUNT];     /* ns of each stage; the rest of `ns` is in none */
  uint64_t frames[STATS_FRAMES];        /* no frame: stacks are off, or the call was short */
  uint32_t epoch, writing, cut, unused; /* `writing`: 1 while the entry is written; the others as in struct stats_stack */
};
#define STATS_CALLS 16
#define STATS_CALL_STACK_NS 100000 /* shorter calls have no stack */

/* A slab in a map: a run of units of a SuperSlab. */
struct stats_slab {
  uint16_t superslab;      /* index into the map's `base` */
  uint8_t unit, units;     /* the first one, and how many */
  uint16_t cls;            /* class row; CLASS_NONE, cut to 16 bits: units on their way to or from a slab */
  uint16_t live, capacity; /* blocks; of a large block 1 and 1. Free blocks in lists and batches count as live, except in the last map of a process */
  uint16_t unused;
  uint32_t idle_ms; /* since a block was last taken from it */
};

/*
 * The SuperSlabs and their slabs at one moment. If there are more SuperSlabs than room, every second one is in the map, or every third, and so on: so the
 * map shows all of them in proportion. `superslabs` and `slabs` count those that the walk met, `*_count` those that are here.
 *
 * The maps cover the whole run: when all are used, every second one is dropped and the period doubles. Bound: 12 maps of 132 KiB. A map of few slabs takes
 * two or three pages of the file, the rest is a hole.
 */
struct stats_map {
  uint64_t time_ns; /* since the start */
  uint32_t superslabs, slabs, superslab_count, slab_count;
  uint64_t base[STATS_MAP_SUPERSLABS];
  struct stats_slab slab[STATS_MAP_SLABS];
};

struct stats_block {
  char magic[8];
  uint32_t version, classes; /* STATS_VERSION, CLASS_ROWS */
  uint64_t size;             /* sizeof(struct stats_block) */
  uint32_t pid, parent_pid;
  uint32_t complete;     /* 1: the process ended in order, and the block is complete */
  uint32_t full_tracing; /* 1: every operation was seen; nothing below is sampled */
  uint32_t publication;  /* grows by 2 with each writing of the file; odd: being written, or never finished */
  uint32_t exited;       /* 1: the process called _exit; unpublished counts of its threads may be missing */
  uint64_t start_realtime_ns, elapsed_ns;
  uint64_t ticks_per_second, clock_cost_ns;
  uint64_t superslab_size, superslab_limit, drain_interval, sample;
  uint64_t release_delay, huge_pages; /* ms; SuperSlabs */
  uint64_t profile;                   /* HAKMEM_PROFILE, bytes, also after it was switched off; 0: it was never on */
  uint32_t strategy;                  /* enum lookup_strategy */
  uint32_t leaks_checked;             /* 1: HAKMEM_LEAKS has looked for leaks, at the end of the process */
  uint64_t pid_namespace;             /* inode of the namespace of the process's id; 0: unknown */
  uint32_t stride[CLASS_ROWS];        /* 0 for the two rows that have none */
  char program[STATS_TEXT];
  char hakmem_version[32];

  /* For a reader of the process's memory: where this block and the number of histogram_rounds lie; where the core's structures lie. */
  const void *block_at, *rounds_at;
  struct layout layout;
  uint64_t start_monotonic_ns; /* the same moment as start_realtime_ns */
  uint64_t sites_bytes;        /* of the table of HAKMEM_PROFILE: a part of the metadata */
  uint32_t changes;            /* atomic; how many changes of several pages have begun or ended: odd while one is under way */
  uint32_t is_copy;            /* 1: the file is a copy, made while the process ran */

  struct stats_counters counters;
  struct stats_class_counters cls[CLASS_ROWS];
  struct stats_class_gauges gauge[CLASS_ROWS];
  uint32_t utilisation[CLASS_ROWS][STATS_UTILISATION_BINS]; /* slabs */
  struct stats_buckets buckets;
  uint64_t mapped, committed; /* bytes, as of the last snapshot */
  uint64_t untouched;         /* bytes in the buckets without memory behind them */
  uint64_t rss;               /* bytes, from the kernel */
  uint64_t superslabs_active, superslabs_active_max;

  struct stats_heat heat;
  struct stats_timings timings;             /* ns */
  struct stats_spans lookup, drain, refill; /* ns */

  uint32_t timeline_length, stacks_missed, modules_missed, incidents_missed;
  uint64_t timeline_period_ns;
  struct stats_moment timeline[STATS_TIMELINE];
  struct stats_stack stacks[STATS_STACKS];    /* stacks of incidents, leaks and sites, in no order; id 0 ends them */
  struct stats_module modules[STATS_MODULES]; /* empty path: unused */
  struct stats_incident incidents[STATS_INCIDENTS];

  /* The part of allocs and frees that a forked child inherited from its parent, whose file has it, too; else 0. */
  uint64_t inherited_allocs[CLASS_ROWS], inherited_frees[CLASS_ROWS];

  struct stats_idlest idlest;
  struct stats_leak leaks[STATS_LEAKS]; /* blocks 0 ends them; none without HAKMEM_LEAKS */
  uint64_t legacy_refused_max;          /* bytes; the most that legacy held at a time for the shared pool */

  uint32_t profile_at[PROFILE_MOMENTS], unused; /* index into the next, from 1; 0: none yet. The remaining one is being written. */
  struct stats_profile profiles[PROFILE_MOMENTS + 1];

  struct stats_pins pins[CLASS_COUNT], idlest_pins[CLASS_COUNT]; /* as of the last snapshot, and of `idlest` */
  struct stats_call calls[STATS_CALLS];                          /* the longest calls, in no order */
  uint64_t calls_least_ns;                                       /* a longer call than this belongs among them */
  uint64_t calls_missed;                                         /* calls that found the table busy */
  uint64_t cpu_ns;                                               /* processor time of the process, as of the last snapshot */
  struct stats_call_times call_times;
  uint64_t rss_files; /* the part of `rss` in pages of files (code, unwritten data) and shared memory */

  struct stats_threads threads, idlest_threads;  /* as of the last snapshot, and of `idlest` */
  struct stats_mapping mappings[STATS_MAPPINGS]; /* as of the end, if much of `rss` is not the allocator's; else the first name is empty */
  struct stats_setting settings[SETTING_COUNT];
  uint64_t map_period_ns;        /* between two maps */
  uint32_t map_count, maps_made; /* maps in use; how many were ever made: grows by 1 with each */
  uint32_t map_at[STATS_MAPS];   /* the first map_count: indices of `maps`, in order of time */
  uint32_t map_made[STATS_MAPS]; /* maps_made when the map of this index was made; 0: never */
  struct stats_map maps[STATS_MAPS];
};

/* Whether so much of the resident set is not the allocator's that the mappings are worth reading: the kernel counts pages for them. */
static inline bool stats_has_much_else(const struct stats_block *b) { return b->rss + b->untouched >= b->committed + ((uint64_t)32 << 20); }

/* The statistics file: the block, and behind it the requests and answers. */
#define STATS_FILE_SIZE (sizeof(struct stats_block) + sizeof(struct control))

#endif
