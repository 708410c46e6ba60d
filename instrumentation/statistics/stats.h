/* stats.h: the statistics block of this process, and its file. */
#ifndef HAKMEM_STATS_H
#define HAKMEM_STATS_H

#include "src/platform/base.h"
#include "stats_block.h"

/* Hidden: otherwise each access loads the address from a table first. */
extern struct stats_block stats_own __attribute__((visibility("hidden")));
extern bool stats_child_begins __attribute__((visibility("hidden"))); /* atomic; in a forked child, until its first count */
void stats_begin_child(void);

/* The block of this process; never NULL. */
static inline struct stats_block *stats_block(void) {
  if (UNLIKELY(__atomic_load_n(&stats_child_begins, __ATOMIC_ACQUIRE))) stats_begin_child();
  return &stats_own;
}

/* Relaxed and atomic, as all additions to the block. */
static inline void stats_add(uint64_t *counter, uint64_t n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }

void stats_count(uint32_t cls, uint64_t allocs, uint64_t frees);
void stats_request(uint32_t cls, size_t size);

/* Nanoseconds since the block's start_realtime_ns, even if the clock of day was set. */
uint64_t stats_elapsed_ns(void);
uint64_t stats_rss_max(void); /* for struct stats_block */

/* Claims a file for HAKMEM_STATS_FILE. A forked child claims its own with its first count. */
void stats_start(void);
/*
 * Brings the file up to date: stats_tick if it has been due for `late_ms`, and returns whether it was; stats_publish at once; stats_end before the process
 * ends. Signal safe.
 */
bool stats_tick(uint32_t late_ms);
void stats_publish(void);
void stats_end(void);
void stats_exit(void); /* the same, at a call of _exit */
/*
 * What threads have counted in their lists alone is added once, between these two. False: another thread does that, and has done it (but for a limit to the
 * wait); or the caller is a signal handler that interrupted it.
 */
bool stats_begin_last(void);
void stats_end_last(void);
/* Whether this process has a file, and is no child of vfork. */
bool stats_has_file(void);
void stats_fork_inherit(void); /* in the parent, with all locks held */
void stats_fork_child(void);

#endif
