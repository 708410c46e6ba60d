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
#include "stats_checksum.h"
#include "stats_counters.h"
#include "stats_memory.h"
#include "stats_times.h"

#define STATS_MAGIC "HAKSTATS"
#define STATS_MARK "hakmem keeps statistics in HAKMEM_STATS_FILE" /* in each program that the library is linked into */
#define STATS_VERSION 24

/* The file names of other allocators: F("begin of the file name", "name"). Those that are loaded are among the modules. */
/* clang-format off */
#define ALLOCATOR_FILES(F)                                                    \
  F("libjemalloc", "jemalloc") F("libtcmalloc", "tcmalloc") F("libmimalloc", "mimalloc") F("libsnmalloc", "snmalloc") \
  F("librpmalloc", "rpmalloc") F("libtbbmalloc", "tbbmalloc") F("libhoard", "Hoard") F("libhardened_malloc", "hardened_malloc") \
  F("libscudo", "Scudo") F("libmesh", "Mesh") F("libdieharder", "DieHarder")
/* clang-format on */
#define ALLOCATOR_ENTRY(file, name) {file, name},

#define STATS_STACKS 1024
#define STATS_MODULES 128
#define STATS_INCIDENTS 64
#define STATS_HOST 65     /* as long as the kernel's */
#define STATS_BUILD_ID 68 /* in hexadecimal; 20 bytes are usual */

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
  uint32_t serves; /* 1: the process calls the malloc of this object, not hakmem's */
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

struct stats_block {
  char magic[8];
  uint32_t version, classes; /* STATS_VERSION, CLASS_ROWS */
  uint64_t size;             /* sizeof(struct stats_block) */
  uint32_t pid, parent_pid;
  uint32_t complete;     /* 1: the process ended in order, and the block is complete */
  uint32_t full_tracing; /* 1: every operation was seen; nothing below is sampled */
  uint32_t publication;  /* grows by 2 with each writing of the file; odd: being written, or never finished */
  uint32_t exited;       /* 1: the process called _exit; of other threads that worked then, a budget may be missing */
  uint64_t start_realtime_ns, elapsed_ns;
  uint64_t ticks_per_second, clock_cost_ns;
  uint64_t superslab_size, superslab_limit, drain_interval, sample;
  uint64_t release_delay, huge_pages; /* ms; SuperSlabs */
  uint64_t profile;                   /* HAKMEM_PROFILE, bytes, also after it was switched off; 0: it was never on */
  uint32_t strategy;                  /* enum lookup_strategy */
  uint32_t leaks_checked;             /* 1: HAKMEM_LEAKS has looked for leaks, at the end of the process */
  uint64_t pid_namespace;             /* inode of the namespace of the process's id; 0: unknown */
  uint32_t stride[CLASS_ROWS];        /* 0 for the two rows that have none */
  uint32_t stats_signal;              /* HAKMEM_STATS_SIGNAL; 0: none */
  char program[STATS_TEXT];
  char hakmem_version[32];
  char host[STATS_HOST];         /* the name of the machine, or of its UTS namespace; "" if unknown */
  char build_id[STATS_BUILD_ID]; /* of the object that hakmem is in, usually libhakmem.so; "": it has none */

  /* For a reader of the process's memory: where this block and the number of histogram_rounds lie; where the core's structures lie. */
  const void *block_at, *rounds_at;
  struct layout layout;
  uint64_t start_monotonic_ns; /* the same moment as start_realtime_ns */
  uint64_t sites_bytes;        /* of the table of HAKMEM_PROFILE: a part of the metadata */
  uint32_t changes;            /* atomic; how many changes of several pages have begun or ended: odd while one is under way */
  uint32_t is_copy;            /* 1: the file is a copy, made while the process ran */
  uint64_t snapshot_ns;        /* when the gauges below were taken, as elapsed_ns; 0: never */
  uint64_t untouched_ns;       /* when `untouched` was: it is of another snapshot than the other gauges if this is not the same time */
  uint64_t checksum;           /* in the file only: stats_checksum of the block with 0 here, once the process has ended in order; 0: none */
  uint64_t programs_replaced;  /* that this process was before it called exec, and of which only the beginning was written */

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
  uint64_t rss_max;   /* bytes; the most that was resident at a time, as the kernel counted up to the last snapshot; 0: not known */

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
