/*
 * ask.h: asks a running process for something, through its statistics file (instrumentation/statistics/control.h).
 *
 * Only the user who runs the process, and root, may write its file. The file is the process's if the process holds the lock on it: a process that has got
 * the same id since does not. Nothing is written into a file of another version.
 */
#ifndef HAKMEM_TOOLS_ASK_H
#define HAKMEM_TOOLS_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "instrumentation/statistics/stats_block.h"

struct asker {
  uint32_t pid;
  int fd; /* its statistics file */
  char *path;
  unsigned wait_ms; /* for an answer */
  int signal;       /* wakes the process, which does a trim in the handler; 0: none */
};

/* Finds the file of the process, and opens it. False, with a failure set, if it cannot be asked. */
bool ask_open(struct asker *a, uint32_t pid);
void ask_close(struct asker *a);

/* From now on, requests are followed by the signal of HAKMEM_STATS_SIGNAL. False, with a failure set, if the process does not catch one. */
bool ask_by_signal(struct asker *a);

enum ask_result {
  ASK_DONE,
  ASK_REFUSED, /* the process says why, or it has ended: a failure is set */
  ASK_WAITS,   /* the process has not entered its slow path; it will do what is asked when it does. A failure is set, which says so */
};
enum ask_result ask(const struct asker *a, enum control_kind kind, const char *text, uint32_t for_ms, struct control_answer *answer);

/* The settings of the process as they are now. False, with a failure set, if they cannot be read. */
bool ask_settings(const struct asker *a, struct stats_setting settings[SETTING_COUNT], uint64_t *elapsed_ns);

/* Copies the statistics of the process to a new file. *as_now: as its memory shows them now, also if it rests; else its file is as new as can be had. */
bool ask_copy(const struct asker *a, const char *to, bool *as_now);

#endif
