/*
 * stats_times.h: how long things took, in the statistics block: histograms by class, latencies over time, whole calls and the longest of them. All times
 * are ns.
 */
#ifndef HAKMEM_STATS_TIMES_H
#define HAKMEM_STATS_TIMES_H

#include "src/events.h"
#include "src/slabs/size_class.h"
#include "histogram.h"

#define STATS_FRAMES 32
#define STATS_STAGES 6

/*
 * A histogram per class: tables by octaves, each for this many classes, because a process mostly uses neighbouring classes. A power of 2, so that the place
 * of a class costs no division; the last table has the classes that are left.
 */
#define STATS_SPAN_CLASSES 32u
struct stats_spans {
  struct histogram_head head[CLASS_ROWS];
  uint16_t low[CLASS_ROWS * HISTOGRAM_BUCKETS]; /* the tables, one behind the other */
  uint32_t high[CLASS_ROWS * HISTOGRAM_BUCKETS];
};
static inline struct histogram_row stats_span(struct stats_spans *spans, uint32_t cls) {
  const uint32_t first = cls & ~(STATS_SPAN_CLASSES - 1),
                 rows = first + STATS_SPAN_CLASSES <= CLASS_ROWS ? STATS_SPAN_CLASSES : CLASS_ROWS % STATS_SPAN_CLASSES;
  const size_t at = first * HISTOGRAM_BUCKETS + (cls - first) * HISTOGRAM_STEPS;
  return (struct histogram_row){&spans->head[cls], &spans->low[at], &spans->high[at], (size_t)rows * HISTOGRAM_STEPS};
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
 * The time of whole calls, by kind and class, in ns. `slow`: the calls that left the fast path. `fast`: a sample of the others, each counted by its
 * weight (usage_sample_weight). The count of a row's head is the sum of the squares of the weights. tools/model/calls.h says how both make the
 * distribution of all calls.
 *
 * A call on the fast path takes STATS_LENGTHY_NS only if the kernel ran another thread meanwhile, or handled a page fault. How often that happens depends
 * on time, not on the number of calls, and a sample takes more time than a call. So such a sample stands for itself, and not for others.
 */
#define STATS_LENGTHY_NS 100000
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

/*
 * Latencies over time: H(kind, "of what"). Row n counts those from 2^(n-1) ns on, row 0 those of 0 ns, the last row also all longer ones. The counts
 * go round at 2^32. A column has those up to its time, so the difference of two columns is what happened between them. When the table is full, every second
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

#endif
