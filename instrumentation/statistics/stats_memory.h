/*
 * stats_memory.h: where the memory is, in the statistics block: over time, by thread, by mapping, by call site, by slab. All sizes are bytes.
 */
#ifndef HAKMEM_STATS_MEMORY_H
#define HAKMEM_STATS_MEMORY_H

#include "src/slabs/size_class.h"
#include "stats_counters.h"

#define STATS_UTILISATION_BINS 11 /* 0-9 %, 10-19 %, ..., 90-99 %, 100 % of a slab's blocks are live */
#define STATS_TIMELINE 512
#define STATS_LEAKS 64
#define STATS_SITES 512
#define STATS_PINNED 20 /* percent: a slab is pinned if at most this share of its blocks is in use */
#define STATS_MAPS 8
#define STATS_MAP_SUPERSLABS 128
#define STATS_MAP_SLABS 4096
#define STATS_THREADS 32
#define STATS_THREAD_NAME 16
#define STATS_MAPPINGS 8
#define STATS_TEXT 256

/* One moment of the process. The timeline covers the whole run: when it is full, every second point is dropped and the period doubles. */
struct stats_moment {
  uint64_t time_ns;                                         /* since the start of the process's hakmem */
  uint64_t requested, allocated, active, committed, mapped; /* bytes */
  uint64_t requested_variance;                              /* square of the standard error of `requested` */
  uint64_t rss;                                             /* bytes, from the kernel */
  struct stats_buckets buckets;
};

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

/*
 * A slab in a map: a run of units of a SuperSlab. HAKMEM_PROFILE has records of some of its live blocks: `samples` of them, `stack_samples` of these from
 * the stack that most of them have.
 */
struct stats_slab {
  uint8_t superslab;       /* index into the map's `base` */
  uint8_t unit, units;     /* the first one, and how many */
  uint8_t cls;             /* class row; CLASS_NONE, cut to 8 bits: units on their way to or from a slab */
  uint16_t live, capacity; /* blocks; of a large block 1 and 1. Free blocks in lists and batches count as live, except in the last map of a process */
  uint16_t samples, stack_samples;
  uint32_t stack;   /* 0: there are no samples, or their stacks are unknown */
  uint32_t idle_ms; /* since a block was last taken from it */
};
static_assert(STATS_MAP_SUPERSLABS <= 256 && CLASS_ROWS < 255, "a slab of a map has one byte for each");

/*
 * The SuperSlabs and their slabs at one moment. If there are more SuperSlabs than room, every second one is in the map, or every third, and so on: so the
 * map shows all of them in proportion. `superslabs` and `slabs` count those that the walk met, `*_count` those that are here.
 *
 * The maps cover the whole run: when all are used, every second one is dropped and the period doubles. Bound: 8 maps of 81 KiB. A map of few slabs takes
 * two or three pages of the file, the rest is a hole.
 */
struct stats_map {
  uint64_t time_ns;    /* since the start */
  uint64_t sampled_ns; /* the same: of the moment that the samples are of; 0: they were not looked for */
  uint32_t superslabs, slabs, superslab_count, slab_count;
  uint64_t base[STATS_MAP_SUPERSLABS];
  struct stats_slab slab[STATS_MAP_SLABS];
};

#endif
