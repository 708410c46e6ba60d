/*
 * control.h: what may be asked of a running process (hakmem set, dump, trim), in the statistics file behind the block.
 *
 *   file:  | struct stats_block | struct control |
 *            the process writes   the asker writes `asked` and `requests`, the process `done` and `answers`
 *
 *   request number n is in requests[n % CONTROL_SLOTS], its answer in answers[n % CONTROL_SLOTS]
 *   done <= asked <= done + CONTROL_SLOTS;   done < n <= asked: request n waits
 *
 * The process reads the file whenever it writes its statistics, and answers with its next slow path. So nothing is mapped that another process could
 * truncate, and a process that cannot write its file changes nothing. Only one asker at a time writes: it holds a lock (fcntl) on this part of the file. It
 * writes `asked` last. Nothing that the process reads there is trusted: values are checked as those of the environment are.
 */
#ifndef HAKMEM_CONTROL_H
#define HAKMEM_CONTROL_H

#include <stdint.h>

/* The options that may change while the program runs: S(member of struct config, NAME). */
#define STATS_SETTINGS(S) \
  S(profile, PROFILE) \
  S(guard, GUARD) \
  S(trace, TRACE) \
  S(log, LOG) \
  S(fragmentation, STATS_INTERVAL) \
  S(soft_limit, SOFT_LIMIT)

#define SETTING_ID(member, NAME) SETTING_##NAME,
enum setting { STATS_SETTINGS(SETTING_ID) SETTING_COUNT };

/* A setting as it is now. The statistics block has one for each. */
struct stats_setting {
  uint64_t value;    /* a number, the index of a choice, of LOG the set of words (options.h); of SOFT_LIMIT what "auto" came to */
  uint64_t until_ms; /* when the value from before is put back, by CLOCK_MONOTONIC; 0: never */
  uint64_t since_ns; /* when it was last changed, since the start of the process; 0: never */
};

#define CONTROL_SLOTS 8
#define CONTROL_TEXT 228

enum control_kind {
  CONTROL_SET = 1, /* `text` is NAME=VALUE */
  CONTROL_DUMP,    /* take a snapshot, and write the statistics file */
  CONTROL_TRIM,    /* return free memory to the kernel */
};

struct control_request {
  uint32_t kind;   /* enum control_kind */
  uint32_t for_ms; /* of CONTROL_SET: how long; 0: for good */
  uint32_t cookie; /* the asker's own, repeated in the answer */
  char text[CONTROL_TEXT];
};

struct control_answer {
  int32_t error;           /* an errno; 0: done */
  uint32_t cookie;         /* of the request that this answers: if another program damages the counts, an old answer may stand in its place */
  uint64_t before, after;  /* of CONTROL_TRIM: resident bytes */
  char text[CONTROL_TEXT]; /* if it failed: why */
};

struct control {
  uint64_t asked;
  struct control_request requests[CONTROL_SLOTS];
  uint64_t done;
  struct control_answer answers[CONTROL_SLOTS];
};

#endif
