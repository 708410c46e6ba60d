/*
 * trace_process.h: what trace_model.c knows of a process beside the model; trace_part.c hands it from one process of this program to another. A process may
 * come in parts, which are joined.
 */
#ifndef HAKMEM_TOOLS_TRACE_PROCESS_H
#define HAKMEM_TOOLS_TRACE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocations.h"
#include "model/model.h"

#define PID_CACHE 256 /* a power of two */

/* A duration of a process that has not yet told its clock's rate. `place` is a histogram of the report's latencies. */
struct pending {
  struct histogram **place;
  uint64_t ticks;
};

struct trace_process {
  struct model_process *p;
  uint64_t first_ns, last_ns;
  uint64_t ticks_per_second; /* 0 where unknown */
  struct pending *pending;
  size_t pending_count, pending_capacity;
  bool burst_class[CLASS_ROWS]; /* classes that the current snapshot has reported */
  bool in_burst;
  uint64_t burst_ns;
  uint64_t mapped;
  uint64_t early_missed; /* the last value */
  uint64_t timeline_period_ns, timeline_last_ns;
  struct allocations allocations;
};

struct trace_model {
  struct report *r;
  struct trace_process **processes;
  size_t count, capacity;
  struct trace_process *cache[PID_CACHE]; /* by the low bits of the pid */
  uint32_t tid;                           /* of the next events */
};

/* Adds `from`, whose first event is the later one, to `into`, and frees it. Neither is within a snapshot of fragmentation. */
void trace_process_join(struct trace_model *t, struct trace_process *into, struct trace_process *from);

#endif
