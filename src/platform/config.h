/*
 * config.h: the options, each written down once, in one table. They come from the environment
 * (HAKMEM_<NAME>, see environment.h) and are read once. Some change later: STATS_SETTINGS in instrumentation/statistics/control.h lists them. Their
 * members are atomic.
 */
#ifndef HAKMEM_CONFIG_H
#define HAKMEM_CONFIG_H

#include <limits.h>

#include "base.h"

#define CONFIG_TEXT_MAX 256
#define BYTES_AUTO UINT64_MAX /* the library finds the value out */

/*
 *   NUMBER(member, NAME, default, lowest, highest, unit, meaning)
 *   CHOICE(member, NAME, default index, "choices, separated by |", meaning)    the member is the index
 *   TEXT(member, NAME, what the value is, meaning)                             "" if not set
 *   BYTES(member, NAME, default, meaning)                                      any number of bytes, or "auto", which is BYTES_AUTO
 *
 * The options of one mode begin with the mode's name: DEBUG_, STATS_, LOG_, SS_.
 */
#define CONFIG_OPTIONS(NUMBER, CHOICE, TEXT, BYTES) \
  CHOICE(ss_size, SS_SIZE, 2, "512K|1M|2M|4M", "size of a SuperSlab") \
  NUMBER(ss_limit, SS_LIMIT, 0, 0, 1u << 20, "SuperSlabs", "most SuperSlabs at a time, 0 = no limit; beyond it, the legacy path serves") \
  NUMBER(drain_interval, DRAIN_INTERVAL, 2048, 0, 1u << 30, "frees", "a TLS SLL is drained after this many frees to it, 0 = never") \
  CHOICE(lookup, LOOKUP, 0, "directory|hash|linear", "how the SuperSlab of a pointer is found") \
  NUMBER(release_delay, RELEASE_DELAY, 250, 0, 1u << 30, "ms", "how long empty SuperSlabs, slabs and batches are kept for reuse") \
  BYTES(soft_limit, SOFT_LIMIT, 0, \
        "while hakmem holds more resident memory than this, free memory is released at once; auto: memory.high of the cgroup; 0 = no limit") \
  NUMBER(huge_pages, HUGE_PAGES, 1024, 0, 1u << 20, "SuperSlabs", \
         "with this many SuperSlabs in use, each new one requests huge pages at once; with 4, each one that becomes full; 0 = never") \
  NUMBER(populate, POPULATE, 4u << 20, 0, 1u << 30, "bytes", \
         "zeroed blocks of up to this size are made resident at once if there are several threads, 0 = none") \
  CHOICE(on_error, ON_ERROR, 0, "auto|report|abort", \
         "after a header reset or an invalid free: go on, or stop; auto: stop in the debugging mode and the secure mode only") \
  CHOICE(debug, DEBUG, 0, "0|1", "1: the debugging mode: every block has redzones and a record; freed blocks are filled and wait in a quarantine") \
  NUMBER(redzone, DEBUG_REDZONE, 64, 16, 65536, "bytes", "in the debugging mode: the redzone on each side of a block, which is filled and checked") \
  NUMBER(fill, DEBUG_FILL, 0, 0, 255, "byte", "in the debugging mode: the value that fills new and freed blocks") \
  NUMBER(quarantine, DEBUG_QUARANTINE, 16u << 20, 0, 1u << 30, "bytes", "in the debugging mode: how much freed memory waits before it is used again") \
  CHOICE(secure, SECURE, 0, "0|1", \
         "1: the secure mode: borders behind blocks, a quarantine, freed blocks are zeroed and checked, the order within slabs is random; stops at an error") \
  CHOICE(randomize, RANDOMIZE, 0, "0|1", "1: a slab's blocks are handed out in a random order at first; the secure mode always does this") \
  CHOICE(leaks, LEAKS, 0, "0|1", "1: at exit, report unreachable blocks and where they were allocated") \
  NUMBER(guard, GUARD, 0, 0, 1u << 30, "allocations", "of this many allocations, one is placed against a guard page, 0 = none, 1 = each") \
  NUMBER(profile, PROFILE, 0, 0, 1u << 30, "bytes", "of this many allocated bytes, one is sampled: its block is recorded with its stack, 0 = none, 1 = all") \
  CHOICE(trace, TRACE, 0, "off|full", "full: every operation enters the slow path and raises its events") \
  CHOICE(stats, STATS, 0, "0|1", "1: write the statistics as text at exit") \
  TEXT(stats_file, STATS_FILE, "path", \
       "keep the statistics in this file, or, if another process has it, in one with .PID appended to its name; %p becomes the process id") \
  TEXT(stats_signal, STATS_SIGNAL, "signal", "write the statistics as text on this signal (USR2, or a number)") \
  TEXT(flight_file, FLIGHT_FILE, "path", "keep the newest slow-path events as a trace (CTF 1.8) in this new directory; %p becomes the process id") \
  NUMBER(flight_size, FLIGHT_SIZE, 1u << 20, 32768, 1u << 30, "bytes", "how much of HAKMEM_FLIGHT_FILE is kept") \
  NUMBER(sample, STATS_SAMPLE, 1024, 0, 1u << 30, "operations", \
         "of this many operations, one is timed, 0 = none; from 1024 on, a thread that runs long is timed less often, down to one of 8192") \
  NUMBER(fragmentation, STATS_INTERVAL, 100, 0, 1u << 30, "ms", "between two snapshots of fragmentation, 0 = only on request and at exit") \
  TEXT(log, LOG, "list of drain,ss,hdr or all", \
       "log lines to write; header resets are always written: hdr sends them to HAKMEM_LOG_FILE, not to standard error") \
  TEXT(log_file, LOG_FILE, "path", "the file for log lines and statistics, standard error if not set; %p becomes the process id") \
  CHOICE(stacks, STACKS, 0, "auto|fp|unwind|off", \
         "stacks by frame pointers, by libunwind, or (auto) by steps that libunwind taught for each return address; on aarch64, auto is fp") \
  CHOICE(redact, REDACT, 0, "0|1", "1: reports, logs and statistics leave out the bytes of the program's memory") \
  CHOICE(help, HELP, 0, "0|1", "1: print this table at start")

/*
 * The names of version 0.1 that are not options any more. A renamed one works, with a warning, in version 0.2 only; CHANGELOG.md lists them.
 *
 *   RENAMED(OLD, NEW)
 *   REMOVED(OLD)
 */
#define CONFIG_OLD_NAMES(RENAMED, REMOVED) \
  RENAMED(REDZONE, DEBUG_REDZONE) \
  RENAMED(FILL, DEBUG_FILL) \
  RENAMED(QUARANTINE, DEBUG_QUARANTINE) \
  RENAMED(SAMPLE, STATS_SAMPLE) \
  RENAMED(FRAGMENTATION, STATS_INTERVAL) \
  REMOVED(QUARANTINE_AGE)

#define CONFIG_NUMBER(member, NAME, ...) uint32_t member;
#define CONFIG_CHOICE(member, NAME, ...) uint32_t member;
#define CONFIG_TEXT(member, NAME, ...) char member[CONFIG_TEXT_MAX];
#define CONFIG_BYTES(member, NAME, ...) uint64_t member;
struct config {
  CONFIG_OPTIONS(CONFIG_NUMBER, CONFIG_CHOICE, CONFIG_TEXT, CONFIG_BYTES)
};
#undef CONFIG_NUMBER
#undef CONFIG_CHOICE
#undef CONFIG_TEXT
#undef CONFIG_BYTES

enum { ON_ERROR_AUTO, ON_ERROR_REPORT, ON_ERROR_ABORT };
enum { STACKS_AUTO, STACKS_FP, STACKS_UNWIND, STACKS_OFF };

/* The options in force; the defaults until environment_read has run. */
extern struct config config;

/* Bytes of a SuperSlab. */
static inline size_t config_superslab_size(void) { return (512 * KIB) << config.ss_size; }

/*
 * Writes the absolute path of `pattern` to `out`, with %p replaced by the process id. A relative path begins at the directory that was current at the first
 * use: the program can change that directory later. False if the path does not fit into PATH_MAX. Signal safe after the first use.
 */
bool config_file_path(const char *pattern, char out[PATH_MAX]);

/* Writes `pattern` with %p replaced by the process id into out[size], cut if it does not fit. Signal safe. */
void config_expand_path(const char *pattern, char *out, size_t size);

/* Appends ".PID" to the path of `length` bytes, and ".NAME" if `name` is above 1, for when the file exists. The path needs room for 32 more. Signal safe. */
void config_other_path(char *path, size_t length, unsigned name);

#endif
