/*
 * worker.h: a process that reads a part of the traces and hands its model back through a pipe (trace_part.h). If it crashes, runs out of memory or makes
 * no progress, it hands over what it has read until then.
 */
#ifndef HAKMEM_TOOLS_TRACE_WORKER_H
#define HAKMEM_TOOLS_TRACE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace_decode.h"

struct worker {
  pid_t pid; /* 0: none */
  int fd;
  int parts;                       /* a file in memory for the parts before the end; -1: none are wanted */
  struct trace_progress *progress; /* shared */
  uint64_t seen;
  double processor, wall; /* seconds; the time of its last progress */
  bool is_live;           /* it reads a session at a relay: that may be quiet, but answers */
  bool is_stalled;
  unsigned char *bytes; /* its part, as far as it came */
  size_t length, capacity;
};

/* What is wanted of a trace. */
struct trace_choice {
  uint32_t pid; /* only this process; 0: all */
  bool keep_spans;
  bool in_parts; /* also parts before the end (worker_ask) */
};

/* Starts one for the traces in `directories`. */
bool worker_start(struct worker *w, char *const *directories, size_t count, const struct trace_choice *choice);

/* Receives what waits in the pipe. False at its end. */
bool worker_receive(struct worker *w);

/* Asks for its model as it is now. worker_given: whether it has come. worker_part: the one that came last, to be freed; NULL if there is none. */
void worker_ask(struct worker *w);
bool worker_given(const struct worker *w);
unsigned char *worker_part(const struct worker *w, size_t *length);

/* Ends it if it has made no progress for too long: at first it may hand over what it has. */
void worker_watch(struct worker *w);

/* After the end of the pipe: adds its part to `t`. Returns why its traces were not read to their end, to be freed; NULL if they were. */
char *worker_finish(struct worker *w, struct trace_model *t);

#endif
