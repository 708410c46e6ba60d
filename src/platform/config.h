/*
 * config.h: the options, each written down once, in one table. They come from the environment
 * (HAKMEM_<NAME>), are read once, and never change afterwards.
 */
#ifndef HAKMEM_CONFIG_H
#define HAKMEM_CONFIG_H

#include <limits.h>

#include "base.h"

#define CONFIG_TEXT_MAX 256

/*
 *   NUMBER(member, NAME, default, lowest, highest, unit, meaning)
 *   CHOICE(member, NAME, default index, "choices, separated by |", meaning)    the member is the index
 *   TEXT(member, NAME, what the value is, meaning)                             "" where not set
 */
#define CONFIG_OPTIONS(NUMBER, CHOICE, TEXT)                                                        \
  CHOICE(ss_size, SS_SIZE, 2, "512K|1M|2M|4M", "size of a SuperSlab")                               \
  NUMBER(ss_limit, SS_LIMIT, 0, 0, 1u << 20, "SuperSlabs", "most SuperSlabs at a time, 0 = no limit; beyond, legacy serves") \
  NUMBER(drain_interval, DRAIN_INTERVAL, 2048, 0, 1u << 30, "frees", "a TLS SLL is drained after so many frees to it, 0 = never") \
  CHOICE(lookup, LOOKUP, 0, "directory|hash|linear", "how the SuperSlab of a pointer is found")     \
  NUMBER(release_delay, RELEASE_DELAY, 250, 0, 1u << 30, "ms", "empty SuperSlabs, slabs and batches are kept so long for reuse") \
  NUMBER(huge_pages, HUGE_PAGES, 1024, 0, 1u << 20, "SuperSlabs", "with so many in use, further SuperSlabs ask for huge pages at once; with 4, when they are full; 0 = none does") \
  NUMBER(populate, POPULATE, 4u << 20, 0, 1u << 30, "bytes", "zeroed blocks of up to so many are resident at once where there are several threads, 0 = none is") \
  CHOICE(on_error, ON_ERROR, 0, "auto|report|abort", "after a header reset or an invalid free: go on, or stop; auto: stop in the debugging mode only") \
  CHOICE(debug, DEBUG, 0, "0|1", "1: the debugging mode: every block has redzones and a record, freed ones are filled and wait") \
  NUMBER(redzone, REDZONE, 64, 16, 65536, "bytes", "in the debugging mode, filled and checked on both sides of a block") \
  NUMBER(fill, FILL, 0, 0, 255, "byte", "in the debugging mode, what new and freed blocks are filled with") \
  NUMBER(quarantine, QUARANTINE, 16u << 20, 0, 1u << 30, "bytes", "in the debugging mode, of freed blocks that wait before they are used again") \
  NUMBER(quarantine_age, QUARANTINE_AGE, 0, 0, 1u << 30, "ms", "in the debugging mode, freed blocks wait no longer than this, 0 = no limit") \
  CHOICE(leaks, LEAKS, 0, "0|1", "1: at exit, say which live blocks nothing leads to any more, and where they were allocated") \
  NUMBER(guard, GUARD, 0, 0, 1u << 30, "allocations", "one allocation in so many is placed against a guard page, 0 = none, 1 = each") \
  NUMBER(profile, PROFILE, 0, 0, 1u << 30, "bytes", "one allocated byte in so many is met, and its block recorded with its stack, 0 = none, 1 = all") \
  CHOICE(trace, TRACE, 0, "off|full", "full: every operation goes through the slow path and raises its events") \
  NUMBER(sample, SAMPLE, 1024, 0, 1u << 30, "operations", "one operation in so many is timed, 0 = none") \
  CHOICE(stats, STATS, 0, "0|1", "1: write the statistics as text at exit")                         \
  TEXT(stats_file, STATS_FILE, "path", "keep the statistics in this file, or, if that is another process's, in one with .PID behind its name; %p becomes the process id") \
  TEXT(stats_signal, STATS_SIGNAL, "signal", "write the statistics as text on this signal (USR2, or a number)") \
  TEXT(log, LOG, "list of drain,ss,hdr or all", "log lines to write")                               \
  TEXT(log_file, LOG_FILE, "path", "where log lines and statistics go; %p becomes the process id; standard error if not set") \
  CHOICE(stacks, STACKS, 0, "auto|fp|unwind|off", "stacks by frame pointers, by libunwind, or (auto) by steps that libunwind taught for each return address") \
  NUMBER(fragmentation, FRAGMENTATION, 100, 0, 1u << 30, "ms", "between two snapshots of fragmentation, 0 = only on request and at exit") \
  CHOICE(help, HELP, 0, "0|1", "1: print this table at start")

#define CONFIG_NUMBER(member, NAME, ...) uint32_t member;
#define CONFIG_CHOICE(member, NAME, ...) uint32_t member;
#define CONFIG_TEXT(member, NAME, ...) char member[CONFIG_TEXT_MAX];
struct config { CONFIG_OPTIONS(CONFIG_NUMBER, CONFIG_CHOICE, CONFIG_TEXT) };
#undef CONFIG_NUMBER
#undef CONFIG_CHOICE
#undef CONFIG_TEXT

enum { ON_ERROR_AUTO, ON_ERROR_REPORT, ON_ERROR_ABORT };
enum { STACKS_AUTO, STACKS_FP, STACKS_UNWIND, STACKS_OFF };

/* The options as they are in force; defaults until config_read has run. */
extern struct config config;

/*
 * Reads the environment; before main, by one thread. An unknown HAKMEM_ name or a bad value is said in one line on standard
 * error, and what is used instead. A set-uid program gets the defaults. Returns false, with the defaults in force,
 * where the C library has no environment yet: call again later.
 */
bool config_read(void);

/* HAKMEM_HELP: the table, as text. */
void config_print(int fd);

/* Bytes of a SuperSlab. */
static inline size_t config_superslab_size(void) { return (512 * KIB) << config.ss_size; }

/*
 * The path that `pattern` names, absolute, with %p replaced by the process id: of a relative one, in the directory that was the current one at its first
 * use, before the program could change that. False if it is too long for PATH_MAX. Signal safe after the first use.
 */
bool config_file_path(const char *pattern, char out[PATH_MAX]);

/* Writes `pattern` with %p replaced by the process id into out[size]; cut where it does not fit. Signal safe. */
void config_expand_path(const char *pattern, char *out, size_t size);

#endif
