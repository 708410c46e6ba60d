/*
 * trace_model.h: adds the events of a trace to the model. It does not know how a trace is read: it gets event structures of src/events.h, in order
 * of time.
 */
#ifndef HAKMEM_TOOLS_TRACE_MODEL_H
#define HAKMEM_TOOLS_TRACE_MODEL_H

#include "model/model.h"

struct trace_model;
struct trace_process;

struct trace_model *trace_model_create(struct report *r);

/* The process `pid`; `program` is its name, "" if the trace does not tell. */
struct trace_process *trace_model_process(struct trace_model *t, uint32_t pid, const char *program);

/* A new process at the end of the list. */
struct trace_process *trace_model_add(struct trace_model *t);

/* The thread of the next events; 0: unknown. */
void trace_model_thread(struct trace_model *t, uint32_t tid);

/* An event of process `p` at `time_ns` since the epoch: trace_on_NAME. */
#define TRACE_ON(name, text, fields) void trace_on_##name(struct trace_model *t, struct trace_process *p, uint64_t time_ns, const struct event_##name *e);
HAK_EVENTS(TRACE_ON)

/* After the last event: completes the report. Frees `t`. */
void trace_model_finish(struct trace_model *t);

#endif
