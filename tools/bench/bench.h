/*
 * bench.h: the measurements of `hakmem bench`, and their results.
 *
 *   workloads (rows) x contenders (columns) x rounds -> one value of each figure, NAN if it is missing
 *
 * A contender is an allocator, or hakmem with other settings. Within a round every contender in turn runs every workload, with the same seed. The
 * next round has the next seed and another order. A ratio is the median of the rounds' ratios, so a machine that is slow for a while is slow for
 * both.
 */
#ifndef HAKMEM_TOOLS_BENCH_H
#define HAKMEM_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compare/statistics.h"

/* F(name, "unit", "meaning"). Those from cycles to the simulated ones are per operation, of user space unless they say otherwise. */
#define BENCH_FIGURES(F) \
  F(speed, "1/s", "operations a second") \
  F(peak_kib, "KiB", "most resident") \
  F(minor_faults, "", "page faults without input") \
  F(major_faults, "", "page faults with input") \
  F(cycles, "1/op", "cycles per operation") \
  F(instructions, "1/op", "instructions per operation") \
  F(l1d_misses, "1/op", "misses of the first data cache per operation, of loads") \
  F(llc_misses, "1/op", "misses of the last cache per operation, of loads") \
  F(dtlb_misses, "1/op", "misses of the data TLB per operation, of loads") \
  F(all_cycles, "1/op", "cycles per operation, of user space and of the kernel") \
  F(cpu_ns, "ns/op", "processor time per operation, of user space and of the kernel") \
  F(sim_instructions, "1/op", "instructions per operation, counted by cachegrind") \
  F(sim_l1d_misses, "1/op", "misses of the first data cache per operation, simulated") \
  F(sim_llc_misses, "1/op", "misses of the last cache per operation, simulated") \
  F(handover_ns, "ns", "for a cache line to come from the other CPU, before and after the run") \
  F(superslabs, "", "most SuperSlabs active") \
  F(probes, "", "mean probes of a sampled lookup") \
  F(first_probe, "", "share of the sampled lookups that needed one probe") \
  F(lookup_p50_ns, "ns", "lookup, median") \
  F(lookup_p99_ns, "ns", "lookup, 99 of 100 are faster") \
  F(shared_fails, "", "times the shared pool refused") \
  F(before_kib, "KiB", "resident before the burst") \
  F(after_kib, "KiB", "resident after the burst was freed; of a program, after its work and 2 s of rest") \
  F(p50_ns, "ns", "one free and one malloc, median") \
  F(p99_ns, "ns", "one free and one malloc, 99 of 100 are faster") \
  F(p999_ns, "ns", "one free and one malloc, 999 of 1000 are faster") \
  F(p9999_ns, "ns", "one free and one malloc, 9999 of 10000 are faster") \
  F(max_ns, "ns", "one free and one malloc, the longest") \
  F(preempted, "", "times that the kernel gave a processor to another thread meanwhile")

#define BENCH_FIGURE_ENUM(name, unit, text) FIGURE_##name,
enum figure { BENCH_FIGURES(BENCH_FIGURE_ENUM) FIGURE_COUNT };
struct figure_about {
  const char *name, *unit, *text;
};
extern const struct figure_about bench_figures[FIGURE_COUNT];

struct contender {
  char *name;
  char *library;       /* the preloaded library, "" for the C library's own malloc */
  char **environment;  /* NAME=VALUE, ends with NULL */
  bool loop;           /* random_mixed with no allocator at all */
  bool traced;         /* with the tracepoints: measured in the cost workloads only */
  bool recorded, full; /* under `hakmem record`, with --full */
  bool peer;           /* hakmem is judged against it */
  bool only_start;     /* measured only at start-up */
};

enum workload_kind { WORKLOAD_MIXED, WORKLOAD_LATENCY, WORKLOAD_THREADS, WORKLOAD_PROGRAM, WORKLOAD_START, WORKLOAD_MEMORY };

struct workload {
  enum workload_kind kind;
  char *name;
  const char *program; /* of WORKLOAD_THREADS: the program that has it, and its name there */
  char *in_program;
  uint64_t ws;      /* of WORKLOAD_MIXED and WORKLOAD_LATENCY: slots */
  unsigned threads; /* that the plan asks for; 0: bench_threads decides */
  bool cold;        /* of WORKLOAD_LATENCY: no warm-up */
  bool trim;        /* of WORKLOAD_MEMORY: calls malloc_trim at once */
  bool cost;        /* the cost of tracing is compared here */
  bool left_out;
};

#define BENCH_PEER_VARIABLES 16 /* --peer-env, of all peers together */

struct bench_options {
  unsigned rounds, threads; /* 0: the plan's own */
  uint64_t ops, seconds, seed, smallest, largest;
  bool warm_up, cpu, sim;
  bool read;                              /* random_mixed reads each block before its free */
  char **allocators, **peers, **settings; /* end with NULL; NULL if not given; settings: NAME=VALUE for ours */
  char **peer_variables;                  /* NAME=VAR=VALUE, NAME one of the peers */
  char **thread_counts;                   /* of threads and latency, if there are several */
  char **working_sets, **ss_sizes, **drains, **lookups, **names;
};

struct bench {
  const char *plan; /* "phase8" ... */
  struct bench_options options;
  uint64_t fixed_ops; /* operations of random_mixed and of latency: --ops, or the plan's own */
  struct contender *contenders;
  size_t contender_count, contender_capacity;
  struct workload *workloads;
  size_t workload_count, workload_capacity;
  char **left_out; /* the reasons for missing values; a sentence each */
  size_t left_out_count, left_out_capacity;
  double *values;      /* [workload][contender][figure][round] */
  bool *stopped;       /* [workload][contender]: a run failed, no more are made */
  bool scaled, failed; /* counters took turns; a run failed */
  bool interrupted;    /* before `planned' runs were done: the other values are missing */
  uint64_t done, planned;
  bool misused;    /* an argument names a missing thing */
  char *directory; /* temporary */
};

/* Frees the plan and the results of the runs, but not the options. */
void bench_free(struct bench *b);

/* The place of the value; figures of --sim are in round 0 only. */
double *bench_value(const struct bench *b, size_t workload, size_t contender, enum figure f, unsigned round);
struct summary bench_summary(const struct bench *b, size_t workload, size_t contender, enum figure f);

/* The ratio of a figure of one cell to that of another, round by round. */
struct cell {
  size_t workload, contender;
};
struct interval bench_ratio(const struct bench *b, struct cell of, struct cell to, enum figure f);

/* The working sets whose blocks no cache holds, and there the speed of hakmem against its plain build, which reads no header at a free. */
#define BENCH_COLD_SETS 2
extern const uint64_t bench_cold_sets[BENCH_COLD_SETS];
struct interval bench_cold_ratio(const struct bench *b, uint64_t ws);

/* The index of a contender or workload; SIZE_MAX if there is none. */
size_t bench_contender(const struct bench *b, const char *name);
size_t bench_working_set(const struct bench *b, uint64_t ws);

/* How many threads a workload has: what its plan asks for, --threads, or the program's own number. */
unsigned bench_threads(const struct bench *b, const struct workload *w);

/* The contender of comparison: hakmem, or the first one. */
size_t bench_reference(const struct bench *b);

/* The most rounds in which any cell was measured: after an interruption fewer than the options say. */
unsigned bench_rounds_measured(const struct bench *b);

/* The unit of a workload's speed, and the divisor for it. */
double bench_speed_unit(const struct bench *b, size_t workload, const char **name);

/* The highest median of a figure; 0 if there is none. */
double bench_highest(const struct bench *b, size_t workload, enum figure f);

/* Whether any cell has the figure; whether any cell of a workload has it. */
bool bench_has(const struct bench *b, enum figure f);
bool bench_row_has(const struct bench *b, size_t workload, enum figure f);

/* Whether a run of the cell failed; then it has no values. */
bool bench_stopped(const struct bench *b, size_t workload, size_t contender);

__attribute__((format(printf, 2, 3))) void bench_leave_out(struct bench *b, const char *format, ...);

/* ---- bench_contenders.c: the contenders. ---- */

/* The allocators of the options, each tried. False, with a failure set, if one that was named by its path does not work. */
bool bench_find_allocators(struct bench *b);
struct contender *bench_add_contender(struct bench *b, const char *name, const char *library);
void bench_set_variable(struct contender *c, const char *name, const char *value);

/* ---- bench_places.c: the places of the benchmark programs. Returns a path that the caller frees; NULL with a failure set. ---- */
char *bench_program(const char *name);
char *bench_script(const char *name);
char **bench_scripts(void); /* the names of all; ends with NULL */

/* ---- bench_plans.c: the plans. False, with a failure set, if the plan cannot be measured. ---- */
bool bench_has_plan(const char *name);
bool bench_plan(struct bench *b);

/* ---- bench_rounds.c: all runs, in turn. False, with a failure set, if it was interrupted or cannot go on. ---- */
bool bench_run(struct bench *b);

/* ---- bench_one.c: one run of a workload. `warm_up`: discards its values. False if all runs must end. ---- */
bool bench_run_one(struct bench *b, size_t workload, size_t contender, unsigned round, bool warm_up);

/* ---- bench_sim.c: the figures of --sim. ---- */
bool bench_simulate(struct bench *b, size_t workload, size_t contender);

/* ---- bench_command.c: the command of a workload. ---- */
struct bench_command {
  char *argv[32];
  size_t count;
  char *environment[24];
  size_t variables;
};
void bench_command(const struct bench *b, size_t workload, size_t contender, uint64_t ops, uint64_t seed, struct bench_command *c);
void bench_command_add(struct bench_command *c, char *word);
void bench_command_free(struct bench_command *c);

/* ---- bench_judge.c: the targets that the measurements decide. ---- */
enum verdict { VERDICT_MET, VERDICT_NOT_MET, VERDICT_OPEN, VERDICT_TOO_FEW, VERDICT_TOO_WIDE, VERDICT_UNKNOWN };
struct judgement {
  char *what, *target, *note;
  double value, low, high;
  enum verdict verdict;
};
struct judgement *bench_judge(const struct bench *b, size_t *count); /* the caller frees it with judgements_free */
void judgements_free(struct judgement *list, size_t count);
extern const char *const verdict_names[];

/* ---- The outputs. ---- */
void bench_print(const struct bench *b, FILE *out, bool markdown); /* bench_text.c */
bool bench_print_json(const struct bench *b, FILE *out);           /* bench_json.c */
bool bench_print_html(const struct bench *b, const char *path);    /* bench_html.c */

#endif
