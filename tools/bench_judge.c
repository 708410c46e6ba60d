/*
 * The targets, and whether the measurements meet them. A target is met when the whole confidence interval lies on its good side,
 * not met when the whole interval lies on the other, and else not decided. "At least x times the best of the peers" is x times
 * each of them: the peer against which hakmem looks worst decides, so that no luck of one round picks it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "memory.h"

#define MOST_INSTRUCTIONS 55.0
#define LEAST_CONFIDENCE 0.9 /* what 5 rounds give; with fewer nothing is decided */

const char *const verdict_names[] = {"met", "not met", "not decided: the interval spans the target", "not decided: too few rounds",
                                     "not available here"};

struct list { struct judgement *items; size_t count, capacity; };

static void add(struct list *l, char *what, char *target, char *note, struct interval i, double bound, bool at_least) {
  struct judgement j = {.what = what, .target = target, .note = note, .value = i.median, .low = i.low, .high = i.high};
  if (i.count == 0) {
    j.verdict = VERDICT_UNKNOWN;
  } else if (i.confidence < LEAST_CONFIDENCE) {
    j.verdict = VERDICT_TOO_FEW;
  } else if (at_least ? i.low >= bound : i.high <= bound) {
    j.verdict = VERDICT_MET;
  } else {
    j.verdict = (at_least ? i.high < bound : i.low > bound) ? VERDICT_NOT_MET : VERDICT_OPEN;
  }
  l->items = must_grow(l->items, l->count, &l->capacity, sizeof(*l->items));
  l->items[l->count++] = j;
}

static struct interval nothing(void) { return (struct interval){0, NAN, NAN, NAN, 0}; }

/* The speed against the peer that is hardest to beat; its name in *name. */
static struct interval against_best(const struct bench *b, size_t workload, size_t contender, const char **name) {
  struct interval worst = nothing();
  *name = NULL;
  for (size_t c = 0; c < b->contender_count; c++) {
    if (!b->contenders[c].peer) continue;
    const struct interval r = bench_ratio(b, (struct cell){workload, contender}, (struct cell){workload, c}, FIGURE_speed);
    if (r.count == 0 || (worst.count > 0 && r.median >= worst.median)) continue;
    worst = r;
    *name = b->contenders[c].name;
  }
  return worst;
}

static void judge_best(const struct bench *b, struct list *l, size_t workload, const char *contender, double bound) {
  const size_t c = bench_contender(b, contender);
  const char *peer;
  if (workload == SIZE_MAX || c == SIZE_MAX || b->workloads[workload].left_out) return;
  const struct interval r = against_best(b, workload, c, &peer);
  add(l, must_print("%s, %s against the best peer", contender, b->workloads[workload].name), must_print("at least %.2fx", bound),
      must_copy(peer != NULL ? peer : ""), r, bound, true);
}

static void judge_pair(const struct bench *b, struct list *l, size_t workload, const char *of, const char *to, double bound) {
  const size_t c = bench_contender(b, of), other = bench_contender(b, to);
  if (workload == SIZE_MAX || c == SIZE_MAX || other == SIZE_MAX || b->workloads[workload].left_out) return;
  add(l, must_print("%s against %s, %s", of, to, b->workloads[workload].name), must_print("at least %.3gx", bound), must_copy(to),
      bench_ratio(b, (struct cell){workload, c}, (struct cell){workload, other}, FIGURE_speed), bound, true);
}

/* How many times slower hakmem is on the large set than on the small one, against mimalloc, in each round. */
static void judge_slowdown(const struct bench *b, struct list *l) {
  const size_t few = bench_working_set(b, 256), many = bench_working_set(b, 8192);
  const size_t ours = bench_contender(b, "hakmem"), theirs = bench_contender(b, "mimalloc");
  if (few == SIZE_MAX || many == SIZE_MAX || ours == SIZE_MAX || theirs == SIZE_MAX) return;
  double *const ratios = must_allocate(b->options.rounds * sizeof(*ratios));
  for (unsigned r = 0; r < b->options.rounds; r++) {
    ratios[r] = *bench_value(b, few, ours, FIGURE_speed, r) / *bench_value(b, many, ours, FIGURE_speed, r) /
                (*bench_value(b, few, theirs, FIGURE_speed, r) / *bench_value(b, many, theirs, FIGURE_speed, r));
  }
  add(l, must_copy("slowdown from 256 to 8192, as a share of mimalloc's"), must_copy("below 1"), must_copy("mimalloc"),
      statistics_interval(ratios, b->options.rounds), 1, false);
  free(ratios);
}

static void judge_instructions(const struct bench *b, struct list *l, uint64_t ws) {
  const size_t w = bench_working_set(b, ws), c = bench_contender(b, "hakmem");
  if (w == SIZE_MAX || c == SIZE_MAX) return;
  struct interval i = statistics_interval(bench_value(b, w, c, FIGURE_instructions, 0), b->options.rounds);
  const struct summary simulated = bench_summary(b, w, c, FIGURE_sim_instructions);
  const bool sim = simulated.count > 0;
  if (sim) i = (struct interval){1, simulated.median, simulated.median, simulated.median, 1}; /* repeats exactly */
  add(l, must_print("instructions per operation, random_mixed %" PRIu64, ws), must_copy("at most 55"),
      must_copy(sim ? "cachegrind" : "hardware counter"), i, MOST_INSTRUCTIONS, false);
}

/* Of all workloads: the geometric mean of a figure's ratio to one peer, in each round. */
static struct interval overall(const struct bench *b, const char *of, const char *to, enum figure f) {
  const size_t c = bench_contender(b, of), other = bench_contender(b, to);
  if (c == SIZE_MAX || other == SIZE_MAX) return nothing();
  double *const means = must_allocate(b->options.rounds * sizeof(*means)), *const ratios = must_allocate(b->workload_count * sizeof(*ratios));
  for (unsigned r = 0; r < b->options.rounds; r++) {
    for (size_t w = 0; w < b->workload_count; w++) ratios[w] = *bench_value(b, w, c, f, r) / *bench_value(b, w, other, f, r);
    means[r] = statistics_geometric_mean(ratios, b->workload_count);
  }
  const struct interval i = statistics_interval(means, b->options.rounds);
  free(means);
  free(ratios);
  return i;
}

/* Most resident: the mean against mimalloc, and the worst workload against its smallest peer. */
static void judge_memory(const struct bench *b, struct list *l) {
  const size_t c = bench_contender(b, "hakmem");
  struct interval worst = nothing();
  const char *where = "", *who = "";
  if (c == SIZE_MAX) return;
  for (size_t w = 0; w < b->workload_count; w++) {
    for (size_t p = 0; p < b->contender_count; p++) {
      if (!b->contenders[p].peer) continue;
      const struct interval r = bench_ratio(b, (struct cell){w, c}, (struct cell){w, p}, FIGURE_peak_kib);
      if (r.count == 0 || (worst.count > 0 && r.median <= worst.median)) continue;
      worst = r;
      where = b->workloads[w].name;
      who = b->contenders[p].name;
    }
  }
  add(l, must_copy("most resident against mimalloc, geometric mean of these workloads"), must_copy("at most 1x"), must_copy("mimalloc"),
      overall(b, "hakmem", "mimalloc", FIGURE_peak_kib), 1, false);
  add(l, must_print("most resident against the smallest peer, worst workload: %s", where), must_copy("at most 1.3x"), must_copy(who),
      worst, 1.3, false);
}

static void judge_mixed(const struct bench *b, struct list *l) {
  static const struct { uint64_t ws; double ours, plain, cost; } rows[] = {
    {256, 1.03, 1.05, 0.95}, {8192, 1.03, 1.05, 0.95}, {65536, 1.0, 1.05, 0.95}, {1048576, 1.0, 1.05, 0.88}};
  for (unsigned i = 0; i < 4; i++) judge_best(b, l, bench_working_set(b, rows[i].ws), "hakmem", rows[i].ours);
  for (unsigned i = 0; i < 4; i++) judge_best(b, l, bench_working_set(b, rows[i].ws), "hakmem-plain", rows[i].plain);
  judge_slowdown(b, l);
  judge_instructions(b, l, 256);
  judge_instructions(b, l, 8192);
  for (unsigned i = 0; i < 4; i++) judge_pair(b, l, bench_working_set(b, rows[i].ws), "hakmem", "hakmem-plain", rows[i].cost);
  judge_memory(b, l);
}

static void judge_cost(const struct bench *b, struct list *l) {
  for (size_t w = 0; w < b->workload_count; w++) {
    const struct workload *const row = &b->workloads[w];
    if (row->kind == WORKLOAD_START) {
      judge_pair(b, l, w, "hakmem", "mimalloc", 1 / 1.05);
    } else if (row->kind == WORKLOAD_MIXED) {
      judge_pair(b, l, w, "hakmem", "hakmem-plain", 0.95);
      judge_pair(b, l, w, "tracing idle", "hakmem", 0.99);
    } else {
      judge_pair(b, l, w, "tracing idle", "hakmem", 0.99);
      judge_pair(b, l, w, "recording", "hakmem", 0.97);
    }
  }
}

struct judgement *bench_judge(const struct bench *b, size_t *count) {
  struct list l = {0};
  if (strcmp(b->plan, "phase8") == 0) judge_mixed(b, &l);
  if (strcmp(b->plan, "cost") == 0) judge_cost(b, &l);
  if (strcmp(b->plan, "threads") == 0 || strcmp(b->plan, "programs") == 0) {
    const bool threads = b->plan[0] == 't';
    for (size_t w = 0; w < b->workload_count; w++) judge_best(b, &l, w, "hakmem", threads ? 0.97 : 1.0);
    for (size_t i = 0; !threads && i < l.count; i++) { /* no slower within the noise: an interval that holds 1 will do */
      if (l.items[i].verdict == VERDICT_OPEN && l.items[i].high >= 1) l.items[i].verdict = VERDICT_MET;
    }
    if (threads) {
      add(&l, must_copy("all of them against mimalloc, geometric mean"), must_copy("at least 1.05x"), must_copy("mimalloc"),
          overall(b, "hakmem", "mimalloc", FIGURE_speed), 1.05, true);
    }
    judge_memory(b, &l);
  }
  *count = l.count;
  return l.items;
}

void judgements_free(struct judgement *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(list[i].what);
    free(list[i].target);
    free(list[i].note);
  }
  free(list);
}
