/*
 * model.h: what a run or a trace holds, in memory. Both readers (stats files, traces) fill it; both writers (text,
 * JSON) print it.
 *
 *   report ─┬─ process[] : who it was, its counters, class rows, timeline, stacks, modules, incidents
 *           ├─ total     : the counters and class rows of all processes, added up (model_finish)
 *           └─ latency   : histograms, merged over all processes while reading: most of the data
 *
 * Sizes are bytes, times nanoseconds; latencies are nanoseconds or, where no process said how fast its clock runs, ticks.
 * What a source does not know is UNKNOWN, never 0.
 */
#ifndef HAKMEM_TOOLS_MODEL_H
#define HAKMEM_TOOLS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/format.h" /* UNKNOWN */
#include "instrumentation/statistics/stats_block.h"
#include "src/events.h"

enum source { SOURCE_STATS, SOURCE_TRACE };

/* Where a class's memory is; bytes but for the last two. As of the last snapshot of the process. */
#define MODEL_GAUGES(G)                                                                      \
  G(requested, "bytes asked for by the live blocks (estimated from the sampled requests)")   \
  G(allocated, "bytes of the live blocks' strides")                                          \
  G(active, "bytes of the slabs in use")                                                     \
  G(cached, "bytes of free blocks in TLS SLLs and in batches of the shared pool")            \
  G(partial, "bytes of free blocks in partial slabs")                                        \
  G(slabs, "slabs in use")

struct model_gauges { MODEL_GAUGES(STATS_MEMBER) };

struct model_class {
  struct stats_class_counters counters;
  struct model_gauges gauge;
  uint64_t utilisation[STATS_UTILISATION_BINS]; /* slabs */
  struct stats_pins pins;                       /* of a trace: none */
};

/* Counters and class rows, of one process or of all. */
struct model_counts {
  struct stats_counters counters;
  struct model_class cls[CLASS_ROWS];
};

struct model_stack { uint32_t id, frame_count; uint64_t *frames; uint32_t epoch; };
/* `build_id` in hexadecimal, "" where unknown. Of those that hold an address the youngest of a stack's epoch or before is meant. */
struct model_module { uint64_t base, size, offset; char *path; uint32_t epoch; char *build_id; };

/* How a process is, or how it ended; S(constant, "name"). */
#define PROCESS_STATES(S)                                                                                    \
  S(PROCESS_ENDED, "ended")         /* in order: nothing is missing */                                      \
  S(PROCESS_EXITED, "exited")       /* by _exit: what threads had not published yet may be missing */       \
  S(PROCESS_EXEC, "exec")           /* it became another program, which has data of its own */              \
  S(PROCESS_RUNS, "runs")                                                                                   \
  S(PROCESS_STOPPED, "stopped")     /* by a signal or a debugger; it may go on */                           \
  S(PROCESS_CUT_SHORT, "cut short") /* killed: its last moments are missing */
#define PROCESS_STATE_CONSTANT(constant, name) constant,
enum process_state { PROCESS_STATES(PROCESS_STATE_CONSTANT) };

struct model_process {
  uint32_t pid, parent_pid;  /* 0 where unknown */
  char *program, *version;   /* as the process said: to be escaped before it is shown; "" where unknown */
  bool forked;               /* a stats file's process began as a copy of its parent: it may lack what the parent knew */
  bool complete;             /* a stats file's process ended in order */
  bool has_called_exec;      /* it did not, because it became another program, which has a file of its own */
  enum process_state state;  /* of a stats file's process */
  int exit_code, end_signal; /* -1: unknown */
  uint64_t pid_namespace;    /* 0: unknown */
  bool has_settings;         /* the next ones are known */
  bool full_tracing;
  uint32_t strategy;         /* enum lookup_strategy */
  uint64_t superslab_size, superslab_limit, drain_interval, sample, ticks_per_second, clock_cost_ns;
  uint64_t release_delay, huge_pages; /* ms; SuperSlabs */
  uint64_t start_realtime_ns, elapsed_ns;
  struct model_counts *counts;
  bool has_buckets;          /* the next six are known */
  struct stats_buckets buckets;
  uint64_t mapped, committed, untouched, rss, rss_files, superslabs_active, superslabs_active_max;
  uint64_t rss_max;          /* UNKNOWN where the source has no RSS */
  struct stats_idlest idlest; /* time_ns is 0 where there is none */
  struct stats_pins idlest_pins[CLASS_COUNT];
  uint64_t legacy_refused_max; /* bytes that legacy held at most in the shared pool's stead */
  struct stats_moment *timeline; /* members may be UNKNOWN */
  size_t timeline_length, timeline_capacity;
  uint64_t peak_ns, peak_active; /* when most was in use, and how full the slabs were then; peak_active 0 where unknown */
  uint64_t peak_utilisation[STATS_UTILISATION_BINS];
  struct model_stack *stacks;
  size_t stack_count, stack_capacity;
  struct model_module *modules;
  size_t module_count, module_capacity;
  struct stats_incident *incidents; /* as in a stats file; each is of a known kind */
  size_t incident_count, incident_capacity;
  struct stats_leak *leaks; /* each of a known kind */
  size_t leak_count, leak_capacity;
  uint64_t profile;          /* HAKMEM_PROFILE, bytes */
  struct stats_profile *profiles[PROFILE_MOMENTS]; /* NULL where there is none */
};

/* Latencies by class row; those that are empty are NULL. */
struct model_latency {
  struct histogram *lookup[lookup_strategy_count][CLASS_ROWS];
  struct histogram *drain[CLASS_ROWS], *refill[CLASS_ROWS];
  struct histogram *legacy, *map;
  struct histogram *stage[STAGE_COUNT]; /* of the refills that reached it */
  bool ticks; /* the unit is ticks, not nanoseconds */
};

/* What is missing from the data; R(name, "meaning"). */
#define MODEL_LOSSES(R)                                                                        \
  R(events_discarded, "events that the tracer discarded because its buffers were full")        \
  R(packets_discarded, "packets that the tracer overwrote before they were read")              \
  R(discards_uncounted, "times when the tracer discarded something and could not say how much") \
  R(early_missed, "events from before the session, which were not kept for it")                   \
  R(reentered, "events raised while an event was handled: counted, not raised")                \
  R(stacks_missed, "stacks for which there was no room")                                       \
  R(modules_missed, "loaded objects for which there was no room")                              \
  R(incidents_missed, "header resets and shared_fails for whose details there was no room")    \
  R(incomplete, "processes that did not end in order: their last operations may be missing")   \
  R(invalid, "events or entries that made no sense and were left out")                         \
  R(unread, "traces that could not be read to their end: the rest of them is missing")         \
  R(unkept, "statistics files that are empty, cut off or damaged")                             \
  R(unrecorded, "processes that were started and not recorded")

struct model_losses { MODEL_LOSSES(STATS_MEMBER) };

struct report {
  enum source source;
  char *path; /* what was read; to be escaped before it is shown */
  struct model_process **processes;
  size_t process_count, process_capacity;
  struct model_losses lost;
  struct model_latency latency;
  struct model_counts *total;
  uint64_t events; /* read from a trace */
  uint64_t start_ns, end_ns; /* of a trace, since the epoch */
  uint64_t stride[CLASS_ROWS]; /* 0 where a row has none */
};

struct report *model_create(enum source source, const char *path);
void model_destroy(struct report *r);

/* A new process at the end of r->processes. */
struct model_process *model_add_process(struct report *r);

void model_add_moment(struct model_process *p, const struct stats_moment *moment);
/* Adds to the count of the same incident, if there is one. */
void model_add_incident(struct model_process *p, const struct stats_incident *incident);
void model_add_leak(struct model_process *p, const struct stats_leak *leak);
/* `frames` is copied. A stack whose id is known already is not added again. */
void model_add_stack(struct model_process *p, uint32_t id, const uint64_t *frames, uint32_t count, uint32_t epoch);
/* `path` and `build_id` are copied. */
void model_add_module(struct model_process *p, const struct model_module *module);
/* NULL where the process itself has no such stack. */
const struct model_stack *model_find_stack(const struct model_process *p, uint32_t id);

/* The process `pid` of a report (which may be NULL), NULL where there is none. */
const struct model_process *model_find_process(const struct report *r, uint32_t pid);

/*
 * The stack of process `p` of report `r`, and in *owner the process whose modules it points into. A stack is told once, so
 * a forked child's may have been told by its parent; `other` is a second report on the same processes, or NULL.
 */
const struct model_stack *model_stack_of(const struct report *r, const struct report *other, const struct model_process *p,
                                         uint32_t id, const struct model_process **owner);

/* The module that held `address` in an epoch: one of `p` or, for a forked child, of its ancestors in `r`. NULL where there is none. */
const struct model_module *model_find_module(const struct report *r, const struct model_process *p, uint64_t address, uint32_t epoch);

/* The histogram at *place, made where there is none yet. */
struct histogram *model_histogram(struct histogram **place);

/* To be called when everything is read: fills r->total. */
void model_finish(struct report *r);

/* The process whose memory is worth showing first: the largest RSS, or the most memory in use where that is unknown. */
const struct model_process *model_largest_process(const struct report *r);

/* All class rows of a histogram table merged; a histogram to be freed, NULL where all are empty. */
struct histogram *model_merged(struct histogram *const table[CLASS_ROWS]);

/* "3", "large" or "huge": the name of a class row; `buffer` has MODEL_CLASS_NAME bytes. */
#define MODEL_CLASS_NAME 16
const char *model_class_name(uint32_t cls, char *buffer);

/* Where an access of a header reset lay, `over` bytes off: "past the end of the block". */
const char *model_side(unsigned verdict);

/* "ended", "runs", "exit code 3", "killed by SIGKILL": how a process is; `buffer` has MODEL_STATE bytes. */
#define MODEL_STATE 48
const char *model_state(const struct model_process *p, char *buffer);
/* Whether it may go on: what is known of it is not its end. */
bool model_is_alive(const struct model_process *p);

/* Whether what a header reset got and expected are a header; else it was something else that was wrong. */
bool model_is_header(const struct event_hdr_reset *e);

/* The name that an enumeration's value has in every output, "?" if it has none. */
#define MODEL_ENUM_NAME(e) const char *model_##e##_name(uint64_t value);
HAK_ENUMS(MODEL_ENUM_NAME)

#endif
