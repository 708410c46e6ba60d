/*
 * model.h: the data of a run or a trace, in memory. All readers (statistics files, traces, processes) fill it; all writers print it.
 *
 *   report ─┬─ process[] : its name and ids, its counters, class rows, timeline, stacks, modules, incidents
 *           ├─ total     : the counters and class rows of all processes, added up (model_finish)
 *           └─ latency   : histograms, merged over all processes while reading: most of the data
 *
 * Sizes are bytes, times nanoseconds. Latencies are nanoseconds or, if no process recorded its clock's rate, ticks. A figure that a source does
 * not have is UNKNOWN, never 0.
 */
#ifndef HAKMEM_TOOLS_MODEL_H
#define HAKMEM_TOOLS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calls.h"
#include "common/format.h" /* UNKNOWN */
#include "instrumentation/statistics/stats_block.h"
#include "src/events.h"

enum source { SOURCE_STATS, SOURCE_TRACE };

/* The memory of a class, in bytes except for the last two. As of the last snapshot of the process. */
#define MODEL_GAUGES(G) \
  G(requested, "bytes asked for by the live blocks (estimated from the sampled requests)") \
  G(requested_variance, "square of the standard error of `requested`; 0 for large and huge blocks, which are counted exactly") \
  G(allocated, "bytes of the live blocks' strides") \
  G(active, "bytes of the slabs in use") \
  G(cached, "bytes of free blocks in TLS SLLs and in batches of the shared pool") \
  G(partial, "bytes of free blocks in partial slabs") \
  G(slabs, "slabs in use")

struct model_gauges {
  MODEL_GAUGES(STATS_MEMBER)
};

struct model_class {
  struct stats_class_counters counters;
  struct model_gauges gauge;
  uint64_t utilisation[STATS_UTILISATION_BINS]; /* slabs */
  struct stats_pins pins;                       /* a trace has none */
};

/* Counters and class rows, of one process or of all. */
struct model_counts {
  struct stats_counters counters;
  struct model_class cls[CLASS_ROWS];
};

struct model_stack {
  uint32_t id, frame_count;
  uint64_t *frames;
  uint32_t epoch;
  bool is_cut; /* there were more frames */
};
/* `build_id` in hexadecimal, "" if unknown. An address belongs to the youngest module there whose epoch is not larger than the stack's. */
struct model_module {
  uint64_t base, size, offset;
  char *path;
  uint32_t epoch;
  char *build_id;
  bool serves; /* the process calls the malloc of this object, not hakmem's */
};

/* What a trace's alloc events say of one stack. Blocks of 0: an unused place of the table. */
struct model_allocation {
  uint32_t stack;         /* 0: unknown */
  uint64_t blocks, bytes; /* bytes asked for */
};

/* Work of the allocator that a trace has with its time: S(CONSTANT, "name"). */
#define MODEL_SPANS(S) \
  S(SPAN_REFILL, "refill") \
  S(SPAN_DRAIN, "drain") S(SPAN_LEGACY, "legacy") S(SPAN_LOOKUP, "lookup") S(SPAN_MAP, "map") S(SPAN_UNMAP, "unmap") S(SPAN_PURGE, "purge")
#define MODEL_SPAN_CONSTANT(constant, name) constant,
enum model_span_kind { MODEL_SPANS(MODEL_SPAN_CONSTANT) SPAN_KINDS };
struct model_span {
  uint64_t end_ns, duration_ns; /* the end since the start of the process; until model_finish, the duration is in ticks */
  uint32_t tid, kind, cls, why; /* CLASS_ROWS: no class; why: a refill_source, drain_reason or legacy_reason, by the kind */
};
#define MODEL_SPANS_MAX 200000u /* a process keeps its slowest ones */

/* The state of a process, or its end; S(constant, "name"). */
#define PROCESS_STATES(S) \
  S(PROCESS_ENDED, "ended")   /* in order: the data are complete */ \
  S(PROCESS_EXITED, "exited") /* by _exit: of other threads that worked then, a budget may be missing */ \
  S(PROCESS_EXEC, "exec")     /* it became another program, which has data of its own */ \
  S(PROCESS_RUNS, "runs") \
  S(PROCESS_STOPPED, "stopped")     /* by a signal or a debugger; it can continue */ \
  S(PROCESS_COPIED, "copied")       /* the file is a copy, made while the process ran */ \
  S(PROCESS_CUT_SHORT, "cut short") /* killed: its last moments are missing */
#define PROCESS_STATE_CONSTANT(constant, name) constant,
enum process_state { PROCESS_STATES(PROCESS_STATE_CONSTANT) PROCESS_STATE_COUNT };

/*
 * Many processes that `hakmem merge` added up; they are one model_process, of which all figures are sums. But of rss_max, superslabs_active_max and
 * legacy_refused_max, it has the largest, and its start is the first one. It has no process id, stacks, timelines or settings that differ.
 */
struct model_merge {
  uint64_t runs, processes, hosts;
  bool hosts_are_more; /* than `hosts` */
  uint64_t state[PROCESS_STATE_COUNT];
  uint64_t failed, killed; /* programs that ended with another exit code than 0, or by a signal */
  uint64_t longest_ns;     /* the longest time of a process */
  uint64_t rss_peaks;      /* sum of the largest RSS of each process */
  uint64_t end_ns;         /* realtime: the last end */
  uint64_t threads;
  bool has_overflowed; /* a figure would have passed its largest value, and stays there */
};

struct model_process {
  const struct model_host *host; /* NULL: unknown, as in a statistics file */
  uint32_t pid, parent_pid;      /* 0: unknown */
  char *program, *version;       /* from the process itself: to be escaped before it is shown; "" if unknown */
  char *host_name;               /* of a statistics file: of its machine, in the same way */
  struct model_merge *merge;     /* NULL: it is one process */
  char *build_id;                /* of the library, likewise */
  bool forked;                   /* a statistics file's process that began as a copy of its parent: it may lack its parent's stacks */
  bool complete;                 /* a statistics file's process ended in order */
  bool has_called_exec;          /* it did not, because it became another program, which has a file of its own */
  enum process_state state;      /* of a statistics file's process */
  bool is_present;               /* of one that is alive: its figures are as they are now, read from its memory; else as of its file, */
  uint64_t age_ns;               /* which was written so long ago, */
  int refusal;                   /* because its memory could not be read: an errno */
  int exit_code, end_signal;     /* -1: unknown */
  uint64_t pid_namespace;        /* 0: unknown */
  bool has_settings;             /* the next ones are known */
  bool full_tracing;
  uint32_t strategy; /* enum lookup_strategy */
  uint64_t superslab_size, superslab_limit, drain_interval, sample, ticks_per_second, clock_cost_ns;
  uint64_t release_delay, huge_pages; /* ms; SuperSlabs */
  uint64_t start_realtime_ns, elapsed_ns, cpu_ns;
  struct model_counts *counts;
  uint64_t lived_ns;          /* from its start to its end, as the program saw that started it; 0: unknown. elapsed_ns of a killed process ends earlier */
  uint64_t programs_replaced; /* that it was before it called exec, and of which there are no statistics */
  uint64_t snapshot_ns;       /* when the memory was looked at, since the start; 0: unknown */
  bool has_untouched;         /* `untouched` is known; else more may be held than is resident */
  bool has_buckets;           /* the next six are known */
  struct stats_buckets buckets;
  uint64_t mapped, committed, untouched, rss, rss_files, superslabs_active, superslabs_active_max;
  uint64_t rss_max;           /* UNKNOWN if the source has no RSS */
  bool rss_max_is_whole;      /* the kernel counted it to the end of the process, which was killed */
  struct stats_idlest idlest; /* time_ns is 0 if there is none */
  struct stats_pins idlest_pins[CLASS_COUNT];
  struct stats_threads threads, idlest_threads;
  struct stats_mapping mappings[STATS_MAPPINGS]; /* the first name is empty if they are unknown */
  uint64_t legacy_refused_max;                   /* bytes; the most that legacy held at a time for the shared pool */
  struct stats_moment *timeline;                 /* members may be UNKNOWN */
  size_t timeline_length, timeline_capacity;
  bool timeline_has_buckets;     /* a trace's has none */
  struct stats_heat *heat;       /* NULL: none, as in a trace */
  uint64_t peak_ns, peak_active; /* the moment with the most memory in use, and the slabs then; peak_active 0 if unknown */
  uint64_t peak_utilisation[STATS_UTILISATION_BINS];
  struct model_stack *stacks;
  size_t stack_count, stack_capacity;
  struct model_module *modules;
  size_t module_count, module_capacity;
  struct stats_incident *incidents; /* as in a statistics file; each is of a known kind */
  size_t incident_count, incident_capacity;
  struct stats_call *calls; /* the longest ones, the longest first; each of a known kind */
  size_t call_count;
  uint64_t calls_missed;    /* that found the table of these busy */
  struct stats_leak *leaks; /* each of a known kind */
  bool leaks_checked;       /* there may still be none */
  size_t leak_count, leak_capacity;
  struct model_allocation *allocations; /* by stack, from a trace */
  size_t allocation_count, allocation_capacity;
  struct model_span *spans; /* the slowest of a trace, in order of time, if report.keep_spans; */
  size_t span_count, span_capacity;
  uint64_t span_floor;                             /* durations up to here are left out */
  uint64_t spans_dropped;                          /* and how many were left out */
  uint64_t profile;                                /* HAKMEM_PROFILE, bytes; the last value that was not 0 */
  struct stats_setting settings[SETTING_COUNT];    /* zeros if unknown */
  struct stats_profile *profiles[PROFILE_MOMENTS]; /* NULL: there is none */
  struct stats_map *maps[STATS_MAPS];              /* in order of time; each slab is in a SuperSlab of its map */
  size_t map_count;
};

/* Latencies by class row; NULL if empty. Only histograms lie before `ticks` (input/trace/sum/trace_part.c). */
struct model_latency {
  struct histogram *lookup[lookup_strategy_count][CLASS_ROWS];
  struct histogram *drain[CLASS_ROWS], *refill[CLASS_ROWS];
  struct histogram *legacy, *map;
  struct histogram *stage[STAGE_COUNT]; /* of the refills that reached it */
  bool ticks;                           /* the unit is ticks, not nanoseconds */
};

/* What is missing from the data; R(name, "meaning"). Not all of it counts as lost: see model_lost. */
#define MODEL_LOSSES(R) \
  R(events_discarded, "events that the tracer discarded because its buffers were full") \
  R(packets_discarded, "packets that the tracer overwrote before they were read") \
  R(discards_uncounted, "times when the tracer discarded something and could not say how much") \
  R(untraced, "events that the statistics count and the trace lacks: the tracer ended early, or could not write") \
  R(early_missed, "events from before the session, which were not kept for it") \
  R(reentered, "events raised while an event was handled: counted, not raised") \
  R(stacks_missed, "stacks that found no room") \
  R(modules_missed, "loaded objects that found no room") \
  R(incidents_missed, "header resets and shared_fails whose details found no room") \
  R(incomplete, "processes that did not end in order: their last operations may be missing") \
  R(invalid, "events or entries that made no sense and were left out") \
  R(unread, "traces that could not be read to their end: the rest of them is missing") \
  R(unended, "processes of other machines whose end is not in the trace: they still run, ended by _exit, were killed, or were cut off from the relay") \
  R(unkept, "statistics files that are empty, cut off or damaged") \
  R(unrecorded, "processes that were started and not recorded")

struct model_losses {
  MODEL_LOSSES(STATS_MEMBER)
};

/*
 * A machine, by its name and by its clock, which is a new one after each start of the machine. Times of two hosts are never compared or subtracted: each
 * has its own clock.
 */
struct model_host {
  char *name, *clock; /* from the trace: to be escaped before it is shown; "" if unknown */
  uint64_t events, start_ns, end_ns;
  size_t processes, unended; /* unended: without their end in the trace */
  struct model_losses lost;
  bool is_live;   /* read from a relay, from some moment on */
  bool has_lag;   /* the next is known */
  int64_t lag_ns; /* from its last events, by its own clock, to the moment when they were written, by the clock of this or the relay's machine */
};

struct report {
  enum source source;
  char *path; /* the path of the input; to be escaped before it is shown */
  struct model_process **processes;
  size_t process_count, process_capacity;
  struct model_losses lost;
  struct model_latency latency;
  struct model_calls calls; /* known from statistics files only */
  struct model_counts *total;
  bool keep_spans;           /* a reader of traces fills model_process.spans */
  uint64_t events;           /* read from a trace */
  uint64_t counted;          /* events that statistics count, lost.untraced of which are not in the trace; 0: unknown */
  uint64_t start_ns, end_ns; /* of a trace of one host, since the epoch; of several hosts 0 */
  struct model_host **hosts; /* of a trace, sorted by name after model_finish */
  size_t host_count, host_capacity;
  uint64_t stride[CLASS_ROWS]; /* 0: a row has none */
};

/* ---- Making one (model.c). ---- */

struct report *model_create(enum source source, const char *path);
void model_destroy(struct report *r);

/* A new process at the end of r->processes. */
struct model_process *model_add_process(struct report *r);
void model_destroy_process(struct model_process *p); /* one that no report has */

void model_add_moment(struct model_process *p, const struct stats_moment *moment);
/* From now on, added incidents lose the bytes of the program's memory: `got` becomes `expect`. */
void model_redact(void);
bool model_redacts(void);

/* Adds to the count of the same incident, if there is one. */
void model_add_incident(struct model_process *p, const struct stats_incident *incident);
void model_add_leak(struct model_process *p, const struct stats_leak *leak);
/* Drops the shorter half when there are MODEL_SPANS_MAX, and from then on all that are not longer than those. */
void model_add_span(struct model_process *p, const struct model_span *span);
/* Copies the frames. A stack with a known id is not added again. */
void model_add_stack(struct model_process *p, const struct model_stack *stack);
/* Copies `path` and `build_id`. */
void model_add_module(struct model_process *p, const struct model_module *module);

/* The host of this name and clock, a new one if there is none yet. */
struct model_host *model_host_of(struct report *r, const char *name, const char *clock);

/* The histogram at *place, created if there is none yet. */
struct histogram *model_histogram(struct histogram **place);

/* Call it when all data are read: fills r->total. */
void model_finish(struct report *r);

/* ---- Asking one (model_find.c). ---- */

/* The process `pid` of a report on this host, or NULL. The report may be NULL. A host that is NULL is unknown, and matches every host. */
const struct model_process *model_find_process(const struct report *r, const struct model_host *host, uint32_t pid);

/* The process whose memory is shown first: the largest RSS, or the most memory in use if the RSS is unknown. */
const struct model_process *model_largest_process(const struct report *r);

/* NULL if the process itself has no such stack. */
const struct model_stack *model_find_stack(const struct model_process *p, uint32_t id);

/*
 * The stack of process `p` of report `r`. *owner is the process whose modules it points into. A stack is recorded only once, so a forked child's stack
 * may be its parent's; `other` is a second report on the same processes, or NULL.
 */
const struct model_stack *model_stack_of(const struct report *r, const struct report *other, const struct model_process *p, uint32_t id,
                                         const struct model_process **owner);

/* The module that held `address` in an epoch: of `p` or, for a forked child, of its ancestors in `r`. NULL if there is none. */
const struct model_module *model_find_module(const struct report *r, const struct model_process *p, uint64_t address, uint32_t epoch);

/* A negative number if host `a` is shown before `b`, 0 if they are the same. Either may be NULL. */
int model_compare_hosts(const struct model_host *a, const struct model_host *b);

/* Processes, not programs: one that called exec has several entries. */
size_t model_process_count(const struct report *r);
/* The same, of those that were added up in a merge. */
uint64_t model_merge_count(const struct model_merge *merge);
/* Whether a merge is among the processes. */
bool model_has_merge(const struct report *r);
/* The object whose malloc the process calls in place of hakmem's; NULL: it calls hakmem's, or one that hands calls on to it. How many processes have one. */
const struct model_module *model_own_malloc(const struct model_process *p);
size_t model_own_mallocs(const struct report *r);

/* Whether the process can continue: its figures are not those of its end. */
bool model_is_alive(const struct model_process *p);

/* Whether it was killed, or called exec: what it did since the last writing of its statistics is missing, and its memory is that of its last snapshot. */
bool model_is_cut(const struct model_process *p);

/* Blocks that were allocated, and that were freed, of all classes. */
uint64_t model_sum_allocs(const struct model_counts *counts);
uint64_t model_sum_frees(const struct model_counts *counts);

/* Bytes of the allocator's that are resident, as far as it knows: committed, without what was never touched. The rest of the RSS is the residual. */
uint64_t model_touched(const struct model_process *p);
/*
 * Bytes of the RSS that are not the allocator's, at least. A huge block counts as touched, also where the program never wrote to it: then the rest of the RSS is
 * too small, or below zero. But pages of files are never the allocator's.
 */
uint64_t model_others(const struct model_process *p);
/* Bytes of what is committed that are not resident, at least: what was never touched, and what must be absent because there is no room for it in the RSS. */
uint64_t model_absent(const struct model_process *p);

/*
 * What counts as lost in every output: events, entries and processes that the data should have. Not so: details that found no room; the last moments of a
 * process that did not end in order; events from before a session, and events within events, which the counters have.
 */
uint64_t model_lost(const struct model_losses *lost);
uint64_t model_lost_details(const struct model_losses *lost);

/* An estimate from samples, with its standard error. */
struct model_estimate {
  double value, error;
};
/* The share of all things, by `part` of `whole` samples. A share of 0 or 1 is not taken for certain: the error is that of (part + 1) / (whole + 2). */
struct model_estimate model_share(uint64_t part, uint64_t whole);
/* Lookups that were timed; the average of the probes of a lookup. */
uint64_t model_lookups(const struct stats_counters *c);
struct model_estimate model_probes(const struct stats_counters *c);

/* All class rows of a histogram table merged into a new histogram; NULL if all are empty. The caller frees it. */
struct histogram *model_merged(struct histogram *const table[CLASS_ROWS]);

/* Whether `got` and `expect` of a header reset are headers. */
bool model_is_header(const struct event_hdr_reset *e);

/* The stack of a process's call number `i` has this id. */
#define MODEL_CALL_STACK(i) ((uint32_t)(0x40000000u + (i)))

/* ---- Its words (model_names.c). ---- */

/* "HOST", or "HOST#2" for a further one of this name; `buffer` has MODEL_HOST bytes. To be escaped before it is shown. */
#define MODEL_HOST 128
const char *model_host_name(const struct report *r, const struct model_host *host, char *buffer);

/* "ended", "runs", "exit code 3", "killed by SIGKILL": the state of a process. `buffer` has MODEL_STATE bytes. */
#define MODEL_STATE 48
const char *model_state(const struct model_process *p, char *buffer);
/*
 * "312 ms", "at least 52.1 ms" or "an unknown time": how long the process ran, as far as that is known. `at_least` is put before the time; `buffer` has
 * MODEL_TIME bytes.
 */
#define MODEL_TIME 64
const char *model_ran_for(const struct model_process *p, const char *at_least, char *buffer);

/* Of one that is alive: "as it is now (read from its memory)" or "as of 0.3 s ago (its statistics file)"; `buffer` has MODEL_AS_OF bytes. */
#define MODEL_AS_OF 160
const char *model_as_of(const struct model_process *p, char *buffer);
/* The moment of its last figures: "now", "at the end", or "when its file was copied". */
const char *model_last_moment(const struct model_process *p);
/* "12 runs of 3 hosts: 34 processes"; `buffer` has MODEL_MERGE bytes. */
#define MODEL_MERGE 128
const char *model_merge_text(const struct model_merge *merge, char *buffer);

/* "3", "large" or "huge": the name of a class row; `buffer` has MODEL_CLASS_NAME bytes. */
#define MODEL_CLASS_NAME 16
const char *model_class_name(uint32_t cls, char *buffer);

/* Which side of a block an access was on, by the verdict of its header reset: "past the end of the block". */
const char *model_side(unsigned verdict);

/* "malloc": the name of a kind of calls; "refill": of a stage of one. */
const char *model_call_kind(unsigned kind);
const char *model_call_stage(unsigned stage);

/* What a span is, and why: the source of a refill, the reason of a drain or of a legacy call; NULL for other kinds. */
const char *model_span_name(const struct model_span *s);
const char *model_span_why(const struct model_span *s);

/* The name of an enumeration's value, the same in every output; "?" if it has none. */
#define MODEL_ENUM_NAME(e) const char *model_##e##_name(uint64_t value);
HAK_ENUMS(MODEL_ENUM_NAME)

#endif
