/*
 * bench_sim.c: --sim: instructions and cache misses per operation from valgrind's cachegrind. Two runs differ only in the number of operations;
 * their difference contains no start-up and no warm-up.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_measure.h"
#include "common/error.h"
#include "common/memory.h"

#define FEW 500000
#define MANY 1500000
#define COLUMNS 9 /* Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw */
enum { INSTRUCTIONS = 0, L1D_LOADS = 4, LLC_LOADS = 5, L1D_STORES = 7, LLC_STORES = 8 };

/* Reads the line "summary:" of cachegrind's file. */
static bool read_summary(const char *path, double sums[COLUMNS]) {
  FILE *const file = fopen(path, "re");
  char *line = NULL;
  size_t capacity = 0;
  bool found = false;
  while (file != NULL && !found && getline(&line, &capacity, file) > 0) {
    if (strncmp(line, "summary:", strlen("summary:")) != 0) continue;
    char *at = line + strlen("summary:");
    for (unsigned i = 0; i < COLUMNS; i++) sums[i] = (double)strtoull(at, &at, 10);
    found = true;
  }
  free(line);
  if (file != NULL) fclose(file);
  return found;
}

static bool count(struct bench *b, const struct cell *at, uint64_t ops, double sums[COLUMNS]) {
  const struct contender *const k = &b->contenders[at->contender];
  struct bench_command plain, command = {0};
  char *const path = must_print("%s/cachegrind", b->directory);
  bench_command(b, at->workload, at->contender, ops, b->options.seed, &plain);
  bench_command_add(&command, must_copy("valgrind"));
  bench_command_add(&command, must_copy("--tool=cachegrind"));
  bench_command_add(&command, must_copy("--cache-sim=yes"));
  bench_command_add(&command, must_print("--cachegrind-out-file=%s", path));
  for (size_t i = 0; i < plain.count; i++) bench_command_add(&command, must_copy(plain.argv[i]));
  struct measured m;
  const bool ran = measure_run(
    &m,
    &(struct measure){.argv = command.argv, .environment = plain.environment, .directory = b->directory, .preload = *k->library != '\0' ? k->library : NULL});
  bool good = ran && m.exit_code == 0 && read_summary(path, sums);
  if (ran && !good) {
    good = fail("valgrind ended with exit code %d%s%s; is it installed (Debian package valgrind)?", m.exit_code, *m.complaint != '\0' ? ": " : "", m.complaint);
  }
  measure_free(&m);
  bench_command_free(&plain);
  bench_command_free(&command);
  free(path);
  return good;
}

bool bench_simulate(struct bench *b, size_t workload, size_t contender) {
  const struct cell at = {workload, contender};
  const struct workload *const w = &b->workloads[workload];
  if (w->kind == WORKLOAD_PROGRAM || w->kind == WORKLOAD_MEMORY || w->kind == WORKLOAD_LATENCY || b->contenders[contender].recorded) return true;
  double few[COLUMNS] = {0}, many[COLUMNS] = {0}, ops = 1;
  const uint64_t step = w->kind == WORKLOAD_THREADS ? 20 : 1; /* their operations are larger */
  if (w->kind != WORKLOAD_START) {
    if (!count(b, &at, FEW / step, few)) return false;
    ops = (double)((MANY - FEW) / step) * bench_threads(b, w);
  }
  if (!count(b, &at, MANY / step, many)) return false;
  *bench_value(b, workload, contender, FIGURE_sim_instructions, 0) = (many[INSTRUCTIONS] - few[INSTRUCTIONS]) / ops;
  *bench_value(b, workload, contender, FIGURE_sim_l1d_misses, 0) = (many[L1D_LOADS] + many[L1D_STORES] - few[L1D_LOADS] - few[L1D_STORES]) / ops;
  *bench_value(b, workload, contender, FIGURE_sim_llc_misses, 0) = (many[LLC_LOADS] + many[LLC_STORES] - few[LLC_LOADS] - few[LLC_STORES]) / ops;
  return true;
}
