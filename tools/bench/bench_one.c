/*
 * bench_one.c: one run: a process, measured, and its own figures.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "bench.h"
#include "bench_machine.h"
#include "bench_measure.h"
#include "common/error.h"
#include "common/memory.h"
#include "input/read_stats.h"
#include "common/workdir.h"

#define NOT_INSTALLED 77
#define STARTS 40 /* of /bin/true, for one value */

static void keep(struct bench *b, const struct cell *at, enum figure f, unsigned round, double value) {
  *bench_value(b, at->workload, at->contender, f, round) = value;
}

/* ---- The process's own statistics. ---- */

static void keep_statistics(struct bench *b, const struct cell *at, unsigned round, const char *path) {
  struct report *const r = model_create(SOURCE_STATS, path);
  if (read_stats_file(r, path, 0) && r->process_count == 1) {
    const struct model_process *const p = r->processes[0];
    const struct stats_counters *const n = &p->counts->counters;
    const double lookups = (double)(n->lookup_hit + n->lookup_legacy + n->lookup_foreign);
    struct histogram *const lookup = model_merged(r->latency.lookup[p->strategy]);
    keep(b, at, FIGURE_superslabs, round, (double)p->superslabs_active_max);
    keep(b, at, FIGURE_shared_fails, round, (double)(n->shared_fail_limit + n->shared_fail_os_enomem + n->shared_fail_no_address_space));
    if (lookups > 0) {
      keep(b, at, FIGURE_probes, round, (double)n->lookup_probes / lookups);
      keep(b, at, FIGURE_first_probe, round, (double)n->lookup_first_probe / lookups);
    }
    if (lookup != NULL) {
      keep(b, at, FIGURE_lookup_p50_ns, round, (double)histogram_quantile(lookup, 0.5));
      keep(b, at, FIGURE_lookup_p99_ns, round, (double)histogram_quantile(lookup, 0.99));
    }
    free(lookup);
  }
  model_destroy(r);
}

/* ---- The process's output: one line of JSON with at least ops and seconds. ---- */

static double member(const json_t *said, const char *name) {
  const json_t *const value = json_object_get(said, name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Per operation, the warm-up included. */
static void keep_counts(struct bench *b, const struct cell *at, unsigned round, const struct measured *m, double ops) {
  keep(b, at, FIGURE_minor_faults, round, m->minor_faults);
  keep(b, at, FIGURE_major_faults, round, m->major_faults);
  for (unsigned i = 0; i < COUNTER_COUNT; i++) keep(b, at, FIGURE_cycles + i, round, m->count[i] / ops);
  b->scaled = b->scaled || m->scaled;
}

static bool keep_said(struct bench *b, const struct cell *at, unsigned round, const struct measured *m) {
  json_t *const said = json_loads(m->output, JSON_DISABLE_EOF_CHECK, NULL);
  const enum workload_kind kind = b->workloads[at->workload].kind;
  const bool by_cpu = b->options.cpu || json_is_true(json_object_get(said, "by_processor_time")); /* the second: its threads sleep */
  const double ops = member(said, "ops"), seconds = member(said, "seconds"), cpu = member(said, "cpu_seconds");
  const double peak = member(said, "peak_kib"), warm_up = member(said, "warm_up"), taken = by_cpu ? cpu : seconds;
  const bool good = ops > 0 && taken > 0;
  if (good) {
    keep(b, at, FIGURE_speed, round, ops / taken);
    keep(b, at, FIGURE_cpu_ns, round, cpu * 1e9 / ops);
    /* wait4 also counts the time before exec, when the process was a copy of this one: so its own figure is better. */
    keep(b, at, FIGURE_peak_kib, round, peak > 0 ? peak : m->peak_kib);
    keep(b, at, FIGURE_before_kib, round, member(said, "before_kib"));
    keep(b, at, FIGURE_after_kib, round, member(said, "after_kib"));
    if (kind == WORKLOAD_LATENCY) {
      for (enum figure f = FIGURE_p50_ns; f <= FIGURE_preempted; f++) keep(b, at, f, round, member(said, bench_figures[f].name));
    }
    if (kind == WORKLOAD_PROGRAM) keep(b, at, FIGURE_all_cycles, round, member(said, "all_cycles") / ops);
    const bool counted = kind != WORKLOAD_PROGRAM && kind != WORKLOAD_MEMORY && !b->contenders[at->contender].recorded;
    if (counted) keep_counts(b, at, round, m, ops + (warm_up > 0 ? warm_up : 0));
  }
  json_decref(said);
  return good;
}

/* ---- A run. ---- */

static bool run(struct bench *b, const struct cell *at, unsigned round, const char *statistics, struct measured *m) {
  const struct contender *const k = &b->contenders[at->contender];
  struct bench_command command;
  const enum workload_kind kind = b->workloads[at->workload].kind;
  const uint64_t ops = kind == WORKLOAD_MIXED || kind == WORKLOAD_LATENCY ? b->fixed_ops : b->options.ops;
  bench_command(b, at->workload, at->contender, ops, b->options.seed + round, &command);
  if (statistics != NULL) command.environment[command.variables++] = must_print("HAKMEM_STATS_FILE=%s", statistics);
  const bool is_script = kind == WORKLOAD_PROGRAM;
  const struct measure what = {.argv = command.argv,
                               .environment = command.environment,
                               .directory = b->directory,
                               .preload = is_script || k->recorded || *k->library == '\0' ? NULL : k->library,
                               .counters = !is_script && !k->recorded,
                               .kernel = kind == WORKLOAD_START};
  const bool good = measure_run(m, &what);
  bench_command_free(&command);
  if (k->recorded) {
    char *const recording = must_print("%s/recording", b->directory);
    workdir_remove(recording);
    free(recording);
  }
  return good;
}

/* Reports the failure once, and measures this cell no more: the successful rounds must not stand for all. */
static void give_up(struct bench *b, const struct cell *at, const struct measured *m) {
  const char *const workload = b->workloads[at->workload].name, *const contender = b->contenders[at->contender].name;
  bench_leave_out(b, "%s with %s: ended with exit code %d%s%s", workload, contender, m->exit_code, *m->complaint != '\0' ? ": " : "", m->complaint);
  say("%s", b->left_out[b->left_out_count - 1]);
  b->stopped[at->workload * b->contender_count + at->contender] = b->failed = true;
  for (enum figure f = 0; f < FIGURE_COUNT; f++) {
    for (unsigned round = 0; round < b->options.rounds; round++) keep(b, at, f, round, NAN);
  }
}

/* Starts of a program that does nothing; their sum is one value. */
static bool run_starts(struct bench *b, const struct cell *at, unsigned round, bool warm_up) {
  double seconds = 0, cpu = 0, instructions = 0, cycles = 0, faults = 0;
  for (unsigned i = 0; i < STARTS; i++) {
    struct measured m;
    const bool good = run(b, at, round, NULL, &m), fine = good && m.exit_code == 0;
    if (good && !fine) give_up(b, at, &m);
    seconds += m.seconds;
    cpu += m.cpu_seconds;
    cycles += m.count[COUNTER_ALL_CYCLES];
    instructions += m.count[COUNTER_INSTRUCTIONS];
    faults += m.minor_faults;
    measure_free(&m);
    if (!fine) return good;
  }
  if (warm_up) return true;
  keep(b, at, FIGURE_speed, round, STARTS / seconds);
  keep(b, at, FIGURE_instructions, round, instructions / STARTS);
  keep(b, at, FIGURE_all_cycles, round, cycles / STARTS);
  keep(b, at, FIGURE_cpu_ns, round, cpu * 1e9 / STARTS);
  keep(b, at, FIGURE_minor_faults, round, faults / STARTS);
  return true;
}

bool bench_run_one(struct bench *b, size_t workload, size_t contender, unsigned round, bool warm_up) {
  const struct cell at = {workload, contender};
  struct workload *const w = &b->workloads[workload];
  if (b->stopped[workload * b->contender_count + contender] || w->left_out) return true;
  if (w->kind == WORKLOAD_START) return run_starts(b, &at, round, warm_up);
  const bool wants = strcmp(b->plan, "sweep") == 0; /* in other plans the file would count as the process's memory */
  char *const statistics = wants ? must_print("%s/statistics", b->directory) : NULL;
  struct measured m;
  const bool many = bench_threads(b, w) > 1 && w->kind != WORKLOAD_PROGRAM && w->kind != WORKLOAD_MEMORY;
  const double handover_ns = many && !warm_up ? machine_handover_ns() : NAN;
  const bool good = run(b, &at, round, statistics, &m);
  if (good && many && !warm_up) keep(b, &at, FIGURE_handover_ns, round, (handover_ns + machine_handover_ns()) / 2);
  if (good && m.exit_code == NOT_INSTALLED && w->kind == WORKLOAD_PROGRAM) {
    m.output[strcspn(m.output, "\n")] = '\0';
    bench_leave_out(b, "%s: %s", w->name, m.output);
    w->left_out = true;
  } else if (good && (m.exit_code != 0 || (!warm_up && !keep_said(b, &at, round, &m)))) {
    give_up(b, &at, &m);
  } else if (good && !warm_up && statistics != NULL) {
    keep_statistics(b, &at, round, statistics);
  }
  if (statistics != NULL) unlink(statistics);
  free(statistics);
  measure_free(&m);
  return good;
}
