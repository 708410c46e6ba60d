/*
 * process.h: a process that runs, seen from outside: its statistics file, its memory, what the kernel says of it.
 */
#ifndef HAKMEM_TOOLS_PROCESS_H
#define HAKMEM_TOOLS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "instrumentation/statistics/stats_block.h"

/* Whether `text` is a number that can be a process's. */
bool process_is_id(const char *text, uint32_t *pid);

/* Calls `use` with each running process of this user that keeps statistics, and where its file can be opened. */
void process_each(void (*use)(void *context, uint32_t pid, const char *stats_path), void *context);

/* Where the statistics file of a process can be opened. The caller frees it; NULL, with a failure set, if it has none or is not there. */
char *process_stats_path(uint32_t pid);

/* A process whose memory is read. Functions return 0 or an errno. */
struct process {
  pid_t pid;
  int pages; /* /proc/PID/pagemap */
};
int process_open(struct process *p, uint32_t pid);
void process_close(struct process *p);

/* All `size` bytes at `address`. */
int process_read(const struct process *p, uint64_t address, void *into, size_t size);

/* The same for memory that began as zeros: pages that were never touched stay so. */
int process_read_touched(const struct process *p, uint64_t address, void *into, size_t size);

/* Bytes of the pages of [address, address + size) that have memory behind them; all if the kernel does not say. */
uint64_t process_resident(const struct process *p, uint64_t address, uint64_t size);

/* Resident bytes; of these, of files; the most that were resident at a time. False if the kernel does not say. */
bool process_resident_set(const struct process *p, uint64_t *all, uint64_t *files, uint64_t *most);

/* The name of a thread; "" if it has ended. */
void process_thread_name(const struct process *p, uint32_t tid, char name[STATS_THREAD_NAME]);

/* The largest mappings by name. All empty if the kernel does not say. */
void process_mappings(const struct process *p, struct stats_mapping mappings[STATS_MAPPINGS]);

#endif
