/*
 * merged.h: the statistics of many processes, added up: what `hakmem merge` keeps. Its size does not depend on how many there are.
 *
 *   merge(a, b) == merge(b, a)  and  merge(a, merge(b, c)) == merge(merge(a, b), c), byte by byte
 *
 * So each part is of a kind for which this holds. Zeros are an empty merge. The kinds:
 *
 *   sums      whole numbers that are added; they stay at their largest value if they would pass it
 *   maxima    the largest number is kept; of a minimum, the inverted number is kept as a maximum
 *   names     the first and the last one, in the order of their bytes
 *   sets      of numbers; the smallest ones are kept
 *
 * Left out is what has a meaning in one process only. Addresses are such, and with them stacks, call sites and maps. So are times since the start of a
 * process, and with them timelines; threads; and mappings.
 */
#ifndef HAKMEM_TOOLS_MERGED_H
#define HAKMEM_TOOLS_MERGED_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

/* Numbers of the process and its memory that are added; S(name). */
#define MERGED_MEMORY(S) S(mapped) S(committed) S(untouched) S(rss) S(rss_files) S(superslabs_active)

/* Settings that a report has if all processes have the same; S(name). */
#define MERGED_SETTINGS(S) \
  S(strategy) \
  S(full_tracing) \
  S(superslab_size) S(superslab_limit) S(drain_interval) S(sample) S(release_delay) S(huge_pages) S(profile) S(ticks_per_second) S(clock_cost_ns)

#define MERGED_WORD(name) uint64_t name;

#define MERGED_ROWS(name) uint64_t name[CALL_KIND_COUNT][CLASS_ROWS];

/* Numbers of struct model_calls that are added; S(name). */
#define MERGED_CALLS(S) S(timed) S(sampled) S(estimated) S(independent) S(untimed)

/* Added; all members are words. */
struct merged_sums {
  uint64_t runs, processes, with_memory, with_calls;
  uint64_t state[PROCESS_STATE_COUNT]; /* processes */
  uint64_t failed, killed;             /* programs that ended with another exit code than 0, or by a signal */
  uint64_t elapsed_ns, cpu_ns, calls_elapsed_ns, calls_cpu_ns, calls_missed;
  struct model_losses lost;
  struct model_counts counts; /* pins.longest_ms is among the highest */
  struct stats_buckets buckets;
  MERGED_MEMORY(MERGED_WORD)
  uint64_t rss_peaks, threads;
  uint64_t resets[hdr_verdict_count];
  uint64_t leaks_checked; /* processes */
  struct {
    uint64_t bytes, blocks;
  } leaks[leak_kind_count];
  MERGED_CALLS(MERGED_ROWS)
};

/* The largest is kept; all members are words. */
struct merged_highest {
  uint64_t overflowed; /* 1: a sum would have passed its largest value */
  uint64_t rss_max, superslabs_active_max, legacy_refused_max, longest_ns;
  uint64_t start_inverted, end_ns; /* realtime: ~ the first start of a process, and the last end */
  uint64_t longest_ms[CLASS_COUNT];
  struct {
    MERGED_SETTINGS(MERGED_WORD)
  } most, least_inverted;
};

/* A set of numbers that stand for hosts or processes. If there are more, the smallest MERGED_IDS are kept. */
#define MERGED_IDS 16384
struct merged_ids {
  uint64_t count, more;    /* more: 1 if some were left out */
  uint64_t id[MERGED_IDS]; /* ascending */
};

/* In the order of their bytes. They are the same if all processes have it. */
struct merged_text {
  char first[STATS_TEXT], last[STATS_TEXT];
};

struct merged_latency {
  struct histogram lookup[lookup_strategy_count][CLASS_ROWS], drain[CLASS_ROWS], refill[CLASS_ROWS], legacy, map, stage[STAGE_COUNT];
  struct histogram times[CALL_KIND_COUNT][CLASS_ROWS]; /* of calls */
};
#define MERGED_HISTOGRAMS (sizeof(struct merged_latency) / sizeof(struct histogram))

/* Squares of standard errors: see model/calls.h. In units of 1/65536, because sums of floating-point numbers depend on the order. */
__extension__ typedef unsigned __int128 merged_wide;
struct merged_errors {
  merged_wide variance[CALL_KIND_COUNT][CLASS_ROWS], time_variance[CALL_KIND_COUNT][CLASS_ROWS];
  merged_wide below[CALL_KIND_COUNT][CLASS_ROWS][HISTOGRAM_BUCKETS];
};
#define MERGED_ERRORS (sizeof(struct merged_errors) / sizeof(merged_wide))

struct merged {
  struct merged_sums sums;
  struct merged_highest highest;
  struct merged_text program, version;
  struct merged_ids hosts, members;
  struct merged_latency latency;
  struct merged_errors errors;
};

/* Adds the only process of `r`, a report on one statistics file. False if the merge has this process already; `m` is then of no use. */
bool merged_add_report(struct merged *m, const struct report *r);
/* Adds another merge. False if a process is in both; `m` is then of no use. */
bool merged_add(struct merged *m, const struct merged *from);

/* Adds the merge to a report, as one process that stands for all: model_process.merge is not NULL. */
void merged_to_report(struct report *r, const struct merged *m);

/* ---- The file: see merged_file.c. ---- */

/* Whether the file begins as a merge does. `fd` keeps its position. */
bool merged_is_file(int fd);
/* Reads a file that merged_is_file. False, with a failure set, if anything in it cannot be true. */
bool merged_read(struct merged *m, int fd, const char *path);
/* Writes a file beside `path` and gives it this name when it is complete. False, with a failure set; `path` is then as it was. */
bool merged_write(const struct merged *m, const char *path);

#endif
