/*
 * processes.h: the processes that keep statistics: all of this user, or those of a run directory, with the few figures of the list. They are found once;
 * then a refresh of one costs a file of /proc and one process_vm_readv of 30 KiB. The figures are those of the block in the process's memory: of its last
 * snapshot, which is at most 100 ms of work old. If a process comes to rest, its structures are read once, as for `hakmem report PID`.
 *
 * Nothing is written to a process or its file, no signal is sent, and no lock is taken. Nothing read is trusted.
 */
#ifndef HAKMEM_TOOLS_TOP_PROCESSES_H
#define HAKMEM_TOOLS_TOP_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_state { ENTRY_RUNS, ENTRY_STOPPED, ENTRY_ENDED };

struct entry {
  uint32_t pid;
  uint64_t started; /* in /proc/PID/stat: another process with the same id has another value */
  char *path;       /* its statistics file, as seen from here */
  char *program;    /* to be escaped before it is shown */
  enum entry_state state;
  bool is_present; /* read from its memory; else from its file */
  uint64_t rss;
  uint64_t live, held;       /* bytes: in live blocks; in free ones */
  uint64_t calls, incidents; /* since the start */
  double processor;          /* seconds */
  double calls_rate, load;   /* a second; processors */
  double as_of, since;       /* of the last refresh, and of the one before; 0: none */
  /* for the refresh */
  uint64_t block_at, start_realtime_ns;
  bool rests, is_exact; /* no call was counted since the refresh before; live and held were read exactly since then */
};

struct processes {
  const char *directory; /* NULL: all processes of this user */
  struct entry *entries;
  size_t count, capacity;
  struct stranger *strangers; /* processes that keep no statistics */
  size_t stranger_count, stranger_capacity;
  bool is_read; /* at least once */
};

/* Finds new processes, and reads all again. False, with a failure set, if there is nothing in the directory. */
bool processes_refresh(struct processes *all, double now);
void processes_free(struct processes *all);

/* Stays the same while others come and go. */
uint64_t processes_id(const struct entry *e);
const struct entry *processes_find(const struct processes *all, uint64_t id); /* NULL: it is no longer there */

#endif
