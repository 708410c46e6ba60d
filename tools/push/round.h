/*
 * round.h: one push of the profiles of all processes: read, packed, sent.
 */
#ifndef HAKMEM_TOOLS_ROUND_H
#define HAKMEM_TOOLS_ROUND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "push.h"

#define ROUND_WHY 768 /* bytes of a message */

struct outcome {
  uint64_t profiles, bytes; /* sent */
  bool all_ended;           /* the processes that were named by their ids */
  char why[ROUND_WHY];      /* it failed; "" if it did not */
};

/* In memory that the process of the round and its parent share. A signal may reach only one of them. */
struct shared {
  volatile sig_atomic_t interrupted;
  struct outcome outcome; /* of this round */
  struct outcome total;
};

struct round {
  struct push *push;
  struct load *load; /* its paths are those of the command line */
  struct shared *shared;
  char **paths; /* what is read: names of files and directories */
  size_t path_count, path_capacity;
  bool only_processes; /* the command line names processes alone */
  bool is_later;       /* than the first one */
};

/* Finds the files of processes that are named by their ids. False, with a failure set. */
bool round_begin(struct round *r, struct shared *shared);
void round_end(struct round *r);

/* The work of sandbox_run(); its context is a struct round. The outcome is in r->shared. */
int round_run(void *round);

#endif
