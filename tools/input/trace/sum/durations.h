/*
 * durations.h: durations of a trace are in ticks, and a process says late, or never, how long a tick is.
 */
#ifndef HAKMEM_TOOLS_DURATIONS_H
#define HAKMEM_TOOLS_DURATIONS_H

#include "trace_process.h"

/* By the clock of a process; 0 if it has not told its rate. */
uint64_t durations_ns(const struct trace_process *clock, uint64_t ticks);

/* Records a duration in the histogram at `place`: now, or when it is settled. */
void durations_add(struct trace_process *p, struct histogram **place, uint64_t ticks);

/* Records the durations that wait, by the clock of `clock`, or as ticks if that is NULL. */
void durations_settle(struct trace_process *p, const struct trace_process *clock);

/* Until now, the spans are in ticks. They have no length if `clock` is NULL. */
void durations_settle_spans(struct model_process *p, const struct trace_process *clock);

#endif
