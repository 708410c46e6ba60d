/*
 * bench_rounds.c: the rounds, and the places of their values.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_measure.h"
#include "common/error.h"
#include "common/memory.h"
#include "common/progress.h"

#define WORTH_SAYING 5.0 /* seconds: a shorter wait is not announced */

#define ABOUT(name, unit, text) {#name, unit, text},
const struct figure_about bench_figures[FIGURE_COUNT] = {BENCH_FIGURES(ABOUT)};

double *bench_value(const struct bench *b, size_t workload, size_t contender, enum figure f, unsigned round) {
  return &b->values[((workload * b->contender_count + contender) * FIGURE_COUNT + f) * b->options.rounds + round];
}

struct summary bench_summary(const struct bench *b, size_t workload, size_t contender, enum figure f) {
  return statistics_summary(bench_value(b, workload, contender, f, 0), b->options.rounds);
}

struct interval bench_ratio(const struct bench *b, struct cell of, struct cell to, enum figure f) {
  double *const ratios = must_allocate(b->options.rounds * sizeof(*ratios));
  for (unsigned round = 0; round < b->options.rounds; round++) {
    ratios[round] = *bench_value(b, of.workload, of.contender, f, round) / *bench_value(b, to.workload, to.contender, f, round);
  }
  const struct interval r = statistics_interval(ratios, b->options.rounds);
  free(ratios);
  return r;
}

size_t bench_contender(const struct bench *b, const char *name) {
  for (size_t i = 0; i < b->contender_count; i++) {
    if (strcmp(b->contenders[i].name, name) == 0) return i;
  }
  return SIZE_MAX;
}

unsigned bench_threads(const struct bench *b, const struct workload *w) {
  if (w->threads > 0) return w->threads;
  if (b->options.threads > 0) return b->options.threads;
  return w->kind == WORKLOAD_THREADS ? 2 : 1;
}

size_t bench_reference(const struct bench *b) {
  const size_t ours = bench_contender(b, "hakmem"), standard = bench_contender(b, "2M 2048 directory");
  return ours != SIZE_MAX ? ours : standard != SIZE_MAX ? standard : 0;
}

size_t bench_working_set(const struct bench *b, uint64_t ws) {
  for (size_t i = 0; i < b->workload_count; i++) {
    if (b->workloads[i].kind == WORKLOAD_MIXED && b->workloads[i].ws == ws) return i;
  }
  return SIZE_MAX;
}

const uint64_t bench_cold_sets[BENCH_COLD_SETS] = {65536, 1048576};

struct interval bench_cold_ratio(const struct bench *b, uint64_t ws) {
  const size_t w = bench_working_set(b, ws), ours = bench_contender(b, "hakmem"), plain = bench_contender(b, "hakmem-plain");
  if (w == SIZE_MAX || ours == SIZE_MAX || plain == SIZE_MAX) return (struct interval){0, NAN, NAN, NAN, 0};
  return bench_ratio(b, (struct cell){w, ours}, (struct cell){w, plain}, FIGURE_speed);
}

double bench_highest(const struct bench *b, size_t workload, enum figure f) {
  double most = 0;
  for (size_t c = 0; c < b->contender_count; c++) {
    const double value = bench_summary(b, workload, c, f).median;
    if (value > most) most = value;
  }
  return most;
}

double bench_speed_unit(const struct bench *b, size_t workload, const char **name) {
  const double fastest = bench_highest(b, workload, FIGURE_speed);
  *name = b->workloads[workload].kind == WORKLOAD_START ? "starts/s" : fastest >= 1e6 ? "M ops/s" : fastest >= 1e3 ? "k ops/s" : "ops/s";
  return b->workloads[workload].kind == WORKLOAD_START ? 1 : fastest >= 1e6 ? 1e6 : fastest >= 1e3 ? 1e3 : 1;
}

unsigned bench_rounds_measured(const struct bench *b) {
  size_t most = 0;
  for (size_t w = 0; w < b->workload_count; w++) {
    for (size_t c = 0; c < b->contender_count; c++) {
      const size_t count = bench_summary(b, w, c, FIGURE_speed).count;
      if (count > most) most = count;
    }
  }
  return (unsigned)most;
}

bool bench_row_has(const struct bench *b, size_t workload, enum figure f) {
  for (size_t c = 0; c < b->contender_count; c++) {
    if (bench_summary(b, workload, c, f).count > 0) return true;
  }
  return false;
}

bool bench_has(const struct bench *b, enum figure f) {
  for (size_t w = 0; w < b->workload_count; w++) {
    if (bench_row_has(b, w, f)) return true;
  }
  return false;
}

bool bench_stopped(const struct bench *b, size_t workload, size_t contender) { return b->stopped[workload * b->contender_count + contender]; }

void bench_leave_out(struct bench *b, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  b->left_out = must_grow(b->left_out, b->left_out_count, &b->left_out_capacity, sizeof(*b->left_out));
  b->left_out[b->left_out_count++] = must_copy(text);
}

/* Excludes useless cells: the loop is of random_mixed and of latency; a recording's start is the daemon's; a program in full tracing takes minutes. */
static bool makes_sense(const struct bench *b, size_t w, size_t c) {
  const struct contender *const k = &b->contenders[c];
  const enum workload_kind kind = b->workloads[w].kind;
  return (!k->traced || b->workloads[w].cost) && (!k->loop || kind == WORKLOAD_MIXED || kind == WORKLOAD_LATENCY) &&
         (!k->only_start || kind == WORKLOAD_START) && (!k->recorded || kind != WORKLOAD_START) && (!k->full || kind != WORKLOAD_PROGRAM);
}

/*
 * The order of one round, the same for the same seed: a shuffle (Fisher and Yates). A run leaves something behind, such as huge pages that the
 * system has ready. So the same contender must not always come next.
 */
static size_t *shuffled(const struct bench *b, uint64_t seed) {
  size_t *const order = must_allocate(b->contender_count * sizeof(*order));
  for (size_t i = 0; i < b->contender_count; i++) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX generator */
    const size_t place = (size_t)(seed >> 33) % (i + 1);
    if (place != i) order[i] = order[place];
    order[place] = i;
  }
  return order;
}

/* One round: each workload by each contender in turn. */
static bool run_round(struct bench *b, unsigned round, bool warm_up) {
  bool good = true;
  for (size_t w = 0; good && w < b->workload_count; w++) {
    size_t *const order = shuffled(b, b->options.seed + round * b->workload_count + w);
    for (size_t i = 0; good && i < b->contender_count; i++) {
      const size_t c = order[i];
      good = !makes_sense(b, w, c) || bench_run_one(b, w, c, round, warm_up);
      if (good) progress_update(++b->done, b->planned, "runs");
      if (good && measure_interrupted() != 0) good = fail("interrupted");
    }
    free(order);
  }
  return good;
}

static bool simulate_all(struct bench *b) {
  for (size_t w = 0; w < b->workload_count; w++) {
    for (size_t c = 0; c < b->contender_count; c++) {
      if (makes_sense(b, w, c) && !bench_simulate(b, w, c)) return false;
      if (measure_interrupted() != 0) return fail("interrupted");
    }
  }
  return true;
}

/* Says once, after the first round, how long the others will take. */
static void say_how_long(double first, unsigned others) {
  const double rest = first * others;
  const unsigned minutes = (unsigned)(rest / 60);
  if (rest < WORTH_SAYING) return;
  char *const whole = minutes > 0 ? must_print("%u min ", minutes) : must_copy("");
  say("the first of %u rounds took %.0f s; the others will take about %s%.0f s", others + 1, first, whole, floor(rest - 60.0 * minutes));
  free(whole);
}

bool bench_run(struct bench *b) {
  const unsigned rounds = b->options.rounds;
  const size_t cells = b->workload_count * b->contender_count, values = cells * FIGURE_COUNT * rounds;
  b->values = must_allocate(values * sizeof(*b->values));
  for (size_t i = 0; i < values; i++) b->values[i] = NAN;
  b->stopped = must_allocate(cells * sizeof(*b->stopped));
  const unsigned unmeasured = b->options.warm_up ? 1 : 0, all = rounds + unmeasured;
  const double start = measure_now();
  bool good = true;
  b->planned = cells * all;
  progress_start("measuring");
  for (unsigned i = 0; good && i < all; i++) {
    good = run_round(b, i < unmeasured ? 0 : i - unmeasured, i < unmeasured);
    if (good && i == 0) say_how_long(measure_now() - start, all - 1);
  }
  if (good && b->options.sim) good = simulate_all(b);
  progress_clear();
  b->interrupted = measure_interrupted() != 0;
  return good;
}

static void free_words(char **words) {
  for (char **word = words; word != NULL && *word != NULL; word++) free(*word);
  free(words);
}

void bench_free(struct bench *b) {
  for (size_t c = 0; c < b->contender_count; c++) {
    free(b->contenders[c].name);
    free(b->contenders[c].library);
    free_words(b->contenders[c].environment);
  }
  for (size_t w = 0; w < b->workload_count; w++) {
    free(b->workloads[w].name);
    free(b->workloads[w].in_program);
  }
  for (size_t i = 0; i < b->left_out_count; i++) free(b->left_out[i]);
  free(b->contenders);
  free(b->workloads);
  free(b->left_out);
  free(b->values);
  free(b->stopped);
  free(b->directory);
}
