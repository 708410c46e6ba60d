/*
 * bench_judge.c: the targets, and whether the measurements meet them. A target is met if the whole confidence interval lies on its good side. It is
 * not met if the whole interval lies on the other side. Otherwise it is not decided.
 *
 * "At least x times the best of the peers" means x times each of them. The peer with the worst ratio for hakmem decides, so that the luck of one round
 * does not pick it. "No slower" also holds if the interval reaches 1, but only if it is narrow. Otherwise more noise would mean more targets met.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "common/memory.h"

#define MOST_INSTRUCTIONS 55.0      /* of an operation of random_mixed, with its loop */
#define MOST_RESIDENT 1.3           /* memory, against the smallest peer */
#define PROGRAM_AGAINST_MEDIAN 1.05 /* memory of a real program, against the median peer */
#define PROGRAM_KEEPS 1.1           /* the same after 2 s of rest, against the peer that keeps least */
#define MOST_AGAINST_MEDIAN 1.15    /* memory of a threads program, against the median peer */
#define MOST_TAIL 1.2               /* a time of the latency plan, against the best peer */
#define MOST_MS 1.0                 /* the longest of them */
#define LEAST_CONFIDENCE 0.9        /* from 5 rounds; with fewer no target is decided */
#define NARROW 0.1                  /* from low to high, as a share of the median: an interval that is as wide or wider cannot say "no slower" */

const char *const verdict_names[] = {[VERDICT_MET] = "met",
                                     [VERDICT_NOT_MET] = "not met",
                                     [VERDICT_OPEN] = "not decided: the interval spans the target",
                                     [VERDICT_TOO_FEW] = "not decided: too few rounds",
                                     [VERDICT_TOO_WIDE] = "not decided: the interval is not narrower than 10 %",
                                     [VERDICT_UNKNOWN] = "not available here"};

struct list {
  struct judgement *items;
  size_t count, capacity;
};

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

/* Whether a peer takes part in a comparison. */
typedef bool (*choice)(const char *name);
static bool every(const char *name) { return name != NULL; }
/* Also google's tcmalloc or another version of mimalloc, if --peer gives it such a name. */
static bool good_tail(const char *name) { return strstr(name, "tcmalloc") != NULL || strstr(name, "mimalloc") != NULL || strstr(name, "jemalloc") != NULL; }

/* A figure against the peer that is hardest to beat; its index in *peer, SIZE_MAX if there is none. Of all figures but the speed, less is better. */
static struct interval against_hardest(const struct bench *b, struct cell of, enum figure f, choice counts, size_t *peer) {
  struct interval worst = nothing();
  *peer = SIZE_MAX;
  for (size_t c = 0; c < b->contender_count; c++) {
    if (!b->contenders[c].peer || !counts(b->contenders[c].name)) continue;
    const struct interval r = bench_ratio(b, of, (struct cell){of.workload, c}, f);
    if (r.count == 0 || (worst.count > 0 && (f == FIGURE_speed ? r.median >= worst.median : r.median <= worst.median))) continue;
    worst = r;
    *peer = c;
  }
  return worst;
}

static char *name_of(const struct bench *b, size_t contender) { return must_copy(contender != SIZE_MAX ? b->contenders[contender].name : ""); }

static void judge_best(const struct bench *b, struct list *l, size_t workload, const char *contender, double bound) {
  const size_t c = bench_contender(b, contender);
  size_t peer;
  if (workload == SIZE_MAX || c == SIZE_MAX || b->workloads[workload].left_out) return;
  const struct interval r = against_hardest(b, (struct cell){workload, c}, FIGURE_speed, every, &peer);
  add(l, must_print("%s, %s against the best peer", contender, b->workloads[workload].name), must_print("at least %.2fx", bound), name_of(b, peer), r, bound,
      true);
}

static void judge_pair(const struct bench *b, struct list *l, size_t workload, const char *of, const char *to, double bound) {
  const size_t c = bench_contender(b, of), other = bench_contender(b, to);
  if (workload == SIZE_MAX || c == SIZE_MAX || other == SIZE_MAX || b->workloads[workload].left_out) return;
  add(l, must_print("%s against %s, %s", of, to, b->workloads[workload].name), must_print("at least %.3gx", bound), must_copy(to),
      bench_ratio(b, (struct cell){workload, c}, (struct cell){workload, other}, FIGURE_speed), bound, true);
}

/* The slowdown of hakmem from the small set to the large one, against mimalloc's, in each round. */
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
  add(l, must_print("instructions per operation, random_mixed %" PRIu64, ws), must_copy("at most 55"), must_copy(sim ? "cachegrind" : "hardware counter"), i,
      MOST_INSTRUCTIONS, false);
}

/* Workloads over which a mean is made. */
struct group {
  int kind;         /* ANY: all */
  unsigned threads; /* 0: any number */
};
enum { ANY = -1 };

static bool in_group(const struct bench *b, size_t w, struct group g) {
  return (g.kind == ANY || (int)b->workloads[w].kind == g.kind) && (g.threads == 0 || bench_threads(b, &b->workloads[w]) == g.threads);
}

/* The geometric mean, in each round, of a figure's ratios over a group of workloads: to one peer, or with SIZE_MAX to the hardest of each workload. */
static struct interval overall(const struct bench *b, struct group g, size_t peer, enum figure f) {
  const size_t c = bench_contender(b, "hakmem");
  if (c == SIZE_MAX) return nothing();
  double *const means = must_allocate(b->options.rounds * sizeof(*means)), *const ratios = must_allocate((b->workload_count + 1) * sizeof(*ratios));
  size_t *const others = must_allocate((b->workload_count + 1) * sizeof(*others));
  for (size_t w = 0; w < b->workload_count; w++) {
    others[w] = peer;
    if (peer == SIZE_MAX) against_hardest(b, (struct cell){w, c}, f, every, &others[w]);
  }
  for (unsigned r = 0; r < b->options.rounds; r++) {
    for (size_t w = 0; w < b->workload_count; w++) {
      const bool counts = in_group(b, w, g) && others[w] != SIZE_MAX;
      ratios[w] = counts ? *bench_value(b, w, c, f, r) / *bench_value(b, w, others[w], f, r) : NAN;
    }
    means[r] = statistics_geometric_mean(ratios, b->workload_count);
  }
  const struct interval i = statistics_interval(means, b->options.rounds);
  free(means);
  free(ratios);
  free(others);
  return i;
}

/* "mimalloc, but for what failed: aligned": the peer and the workloads that `overall` left out. */
static char *but_for_failed(const struct bench *b, struct group g, size_t peer) {
  const size_t c = bench_contender(b, "hakmem");
  char *text = peer != SIZE_MAX ? name_of(b, peer) : must_copy("the best peer of each");
  unsigned failed = 0;
  for (size_t w = 0; c != SIZE_MAX && w < b->workload_count; w++) {
    if (!in_group(b, w, g) || (!bench_stopped(b, w, c) && (peer == SIZE_MAX || !bench_stopped(b, w, peer)))) continue;
    char *const longer = must_print("%s%s%s", text, failed++ > 0 ? ", " : ", but for what failed: ", b->workloads[w].name);
    free(text);
    text = longer;
  }
  return text;
}

/* The peak memory of a workload against the peer that needs least, and against the median peer. */
static struct interval against_smallest(const struct bench *b, struct cell of, char **note) {
  size_t peer;
  const struct interval r = against_hardest(b, of, FIGURE_peak_kib, every, &peer);
  *note = name_of(b, peer);
  return r;
}

/* What is resident after the work, against the peer that keeps least. */
static struct interval against_least_kept(const struct bench *b, struct cell of, char **note) {
  size_t peer;
  const struct interval r = against_hardest(b, of, FIGURE_after_kib, every, &peer);
  *note = name_of(b, peer);
  return r;
}

static struct interval against_median(const struct bench *b, struct cell of, char **note) {
  double *const ratios = must_allocate(b->options.rounds * sizeof(*ratios)), *const peers = must_allocate((b->contender_count + 1) * sizeof(*peers));
  for (unsigned r = 0; r < b->options.rounds; r++) {
    for (size_t p = 0; p < b->contender_count; p++) {
      peers[p] = b->contenders[p].peer ? *bench_value(b, of.workload, p, FIGURE_peak_kib, r) : NAN;
    }
    ratios[r] = *bench_value(b, of.workload, of.contender, FIGURE_peak_kib, r) / statistics_summary(peers, b->contender_count).median;
  }
  const struct interval i = statistics_interval(ratios, b->options.rounds);
  free(ratios);
  free(peers);
  *note = must_copy("the median peer");
  return i;
}

/* Every workload above the bound; the worst one if none is. `what` says which memory, and of whom it is compared. */
typedef struct interval (*memory_ratio)(const struct bench *b, struct cell of, char **note);
static void judge_memory(const struct bench *b, struct list *l, struct group g, memory_ratio ratio, const char *what, double bound) {
  const size_t c = bench_contender(b, "hakmem");
  size_t worst = SIZE_MAX;
  double most = -1;
  for (unsigned pass = 0; c != SIZE_MAX && pass < 2; pass++) {
    for (size_t w = 0; w < b->workload_count; w++) {
      if (!in_group(b, w, g)) continue;
      char *note;
      const struct interval r = ratio(b, (struct cell){w, c}, &note);
      if (pass == 0 && r.count > 0 && r.median > most) {
        most = r.median;
        worst = w;
      }
      if (pass == 0 || r.count == 0 || (r.median <= bound && w != worst)) {
        free(note);
        continue;
      }
      add(l, must_print("%s, %s%s", what, b->workloads[w].name, w == worst ? " (the worst)" : ""), must_print("at most %.3gx", bound), note, r, bound, false);
    }
  }
}

static void judge_resident(const struct bench *b, struct list *l) {
  const struct group all = {ANY, 0};
  const size_t peer = bench_contender(b, "mimalloc");
  if (bench_contender(b, "hakmem") == SIZE_MAX) return;
  add(l,
      b->workload_count == 1 ? must_copy("most resident, of the one workload")
                             : must_print("most resident, geometric mean of all %zu workloads", b->workload_count),
      must_copy("at most 1x"), peer != SIZE_MAX ? but_for_failed(b, all, peer) : must_copy("mimalloc"),
      peer != SIZE_MAX ? overall(b, all, peer, FIGURE_peak_kib) : nothing(), 1, false);
  judge_memory(b, l, all, against_smallest, "most resident against the smallest peer", MOST_RESIDENT);
}

/* A cold free waits for the header of its block, which the plain build does not have. */
static void judge_cold(const struct bench *b, struct list *l) {
  static const double bounds[BENCH_COLD_SETS] = {0.95, 0.80};
  for (size_t i = 0; i < BENCH_COLD_SETS; i++) {
    const size_t w = bench_working_set(b, bench_cold_sets[i]);
    if (w == SIZE_MAX || bench_contender(b, "hakmem") == SIZE_MAX || bench_contender(b, "hakmem-plain") == SIZE_MAX) continue;
    add(l, must_print("cold: hakmem against hakmem-plain, %s", b->workloads[w].name), must_print("at least %.2fx", bounds[i]), must_copy("hakmem-plain"),
        bench_cold_ratio(b, bench_cold_sets[i]), bounds[i], true);
  }
}

static void judge_mixed(const struct bench *b, struct list *l) {
  static const struct {
    uint64_t ws;
    double ours, plain;
  } rows[] = {{256, 1.03, 1.05}, {8192, 1.03, 1.05}, {65536, 1.0, 1.05}, {1048576, 1.0, 1.05}};
  for (unsigned i = 0; i < 4; i++) judge_best(b, l, bench_working_set(b, rows[i].ws), "hakmem", rows[i].ours);
  for (unsigned i = 0; i < 4; i++) judge_best(b, l, bench_working_set(b, rows[i].ws), "hakmem-plain", rows[i].plain);
  judge_slowdown(b, l);
  judge_instructions(b, l, 256);
  judge_instructions(b, l, 8192);
  for (unsigned i = 0; i < 2; i++) judge_pair(b, l, bench_working_set(b, rows[i].ws), "hakmem", "hakmem-plain", 0.95);
  judge_cold(b, l);
}

/*
 * The cost by the figure that other work on the machine disturbs least. That is cycles in user space and kernel if the whole run is measured; in
 * random_mixed they would include the start-up, so it is processor time.
 */
static void judge_price(const struct bench *b, struct list *l, size_t w, const char *of, const char *to, double bound) {
  const struct cell ours = {w, bench_contender(b, of)}, other = {w, bench_contender(b, to)};
  if (ours.contender == SIZE_MAX || other.contender == SIZE_MAX || b->workloads[w].left_out) return;
  struct interval i = bench_ratio(b, ours, other, FIGURE_all_cycles);
  const bool cycles = i.count > 0;
  if (!cycles) i = bench_ratio(b, ours, other, FIGURE_cpu_ns);
  add(l, must_print("cost of %s against %s, %s", of, to, b->workloads[w].name), must_print("at most %.2fx", bound),
      must_print("%s, by %s", to, cycles ? "cycles, user and kernel" : "processor time"), i, bound, false);
}

static void judge_cost(const struct bench *b, struct list *l) {
  const bool alone = strcmp(b->plan, "cost") == 0; /* phase8 decides about the plain build if it measures it */
  for (size_t w = 0; w < b->workload_count; w++) {
    const struct workload *const row = &b->workloads[w];
    if (!row->cost) continue;
    if (row->kind == WORKLOAD_START) judge_price(b, l, w, "hakmem", "mimalloc", 1.05);
    if (row->kind == WORKLOAD_MIXED && alone) judge_pair(b, l, w, "hakmem", "hakmem-plain", 0.95);
    if (row->kind != WORKLOAD_START) judge_price(b, l, w, "tracing idle", "hakmem", 1.01);
    if (row->kind == WORKLOAD_PROGRAM) judge_price(b, l, w, "recording", "hakmem", 1.03);
  }
}

static void judge_thread_means(const struct bench *b, struct list *l, struct group g) {
  char *const with = b->options.thread_counts != NULL ? must_print(" with %u threads", g.threads) : must_copy("");
  add(l, must_print("speed, geometric mean of all threads programs%s", with), must_copy("at least 1.00x"), but_for_failed(b, g, SIZE_MAX),
      overall(b, g, SIZE_MAX, FIGURE_speed), 1, true);
  for (size_t c = 0; c < b->contender_count; c++) {
    if (!b->contenders[c].peer) continue;
    add(l, must_print("speed, geometric mean of all threads programs%s", with), must_copy("at least 1.10x"), but_for_failed(b, g, c),
        overall(b, g, c, FIGURE_speed), 1.1, true);
  }
  free(with);
}

static void judge_threads(const struct bench *b, struct list *l) {
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].kind == WORKLOAD_THREADS) judge_best(b, l, w, "hakmem", 0.97);
  }
  if (bench_contender(b, "hakmem") == SIZE_MAX) return;
  for (size_t w = 0; w < b->workload_count; w++) { /* each number of threads once */
    const struct group g = {WORKLOAD_THREADS, bench_threads(b, &b->workloads[w])};
    size_t first = 0;
    while (!in_group(b, first, g) && first < w) first++;
    if (in_group(b, w, g) && first == w) judge_thread_means(b, l, g);
  }
  judge_memory(b, l, (struct group){WORKLOAD_THREADS, 0}, against_median, "most resident against the median peer", MOST_AGAINST_MEDIAN);
}

/* The longest time says nothing if another program took the processor meanwhile: `preempted` tells. */
static void judge_latency(const struct bench *b, struct list *l) {
  static const struct {
    enum figure figure;
    const char *name;
  } rows[] = {{FIGURE_p99_ns, "p99"}, {FIGURE_p999_ns, "p99.9"}, {FIGURE_p9999_ns, "p99.99"}};
  const size_t c = bench_contender(b, "hakmem");
  for (size_t w = 0; c != SIZE_MAX && w < b->workload_count; w++) {
    if (b->workloads[w].kind != WORKLOAD_LATENCY) continue;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
      size_t peer;
      const struct interval r = against_hardest(b, (struct cell){w, c}, rows[i].figure, good_tail, &peer);
      add(l, must_print("%s, %s against the best of tcmalloc, mimalloc and jemalloc", rows[i].name, b->workloads[w].name),
          must_print("at most %.3gx", MOST_TAIL), name_of(b, peer), r, MOST_TAIL, false);
    }
    const struct interval longest = statistics_interval(bench_value(b, w, c, FIGURE_max_ns, 0), b->options.rounds);
    const struct interval ms = {longest.count, longest.median / 1e6, longest.low / 1e6, longest.high / 1e6, longest.confidence};
    add(l, must_print("longest, %s, in ms", b->workloads[w].name), must_print("at most %.3g ms", MOST_MS), must_copy(""), ms, MOST_MS, false);
  }
}

/* No slower, within a noise of less than NARROW. */
static void judge_programs(const struct bench *b, struct list *l) {
  const size_t first = l->count;
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].kind == WORKLOAD_PROGRAM) judge_best(b, l, w, "hakmem", 1.0);
  }
  for (size_t i = first; i < l->count; i++) {
    struct judgement *const j = &l->items[i];
    if (j->verdict == VERDICT_OPEN) j->verdict = j->high - j->low < NARROW * j->value ? VERDICT_MET : VERDICT_TOO_WIDE;
  }
  const struct group programs = {WORKLOAD_PROGRAM, 0};
  judge_memory(b, l, programs, against_median, "most resident against the median peer", PROGRAM_AGAINST_MEDIAN);
  judge_memory(b, l, programs, against_least_kept, "resident after the work and a rest, against the peer that keeps least", PROGRAM_KEEPS);
}

/* Memory after a burst over memory before it. One of the two ways to release is enough: the better one decides. */
static void judge_burst(const struct bench *b, struct list *l) {
  const size_t c = bench_contender(b, "hakmem");
  struct interval best = nothing();
  const char *name = NULL;
  double *const ratios = must_allocate(b->options.rounds * sizeof(*ratios));
  for (size_t w = 0; c != SIZE_MAX && w < b->workload_count; w++) {
    if (b->workloads[w].kind != WORKLOAD_MEMORY) continue;
    for (unsigned r = 0; r < b->options.rounds; r++) {
      ratios[r] = *bench_value(b, w, c, FIGURE_after_kib, r) / *bench_value(b, w, c, FIGURE_before_kib, r);
    }
    const struct interval one = statistics_interval(ratios, b->options.rounds);
    if (name == NULL || (one.count > 0 && one.median < best.median)) {
      best = one;
      name = b->workloads[w].name;
    }
  }
  free(ratios);
  if (name == NULL) return;
  add(l, must_copy("resident after a burst that was freed, by activity or trimmed"), must_copy("at most 1.1x"), must_print("before, %s", name), best, 1.1,
      false);
}

struct judgement *bench_judge(const struct bench *b, size_t *count) {
  static const struct {
    const char *plan;
    void (*judge)(const struct bench *b, struct list *l);
    bool resident;
  } plans[] = {{"phase8", judge_mixed, true},      {"latency", judge_latency, false}, {"threads", judge_threads, true},
               {"programs", judge_programs, true}, {"cost", judge_cost, false},       {"memory", judge_burst, true}};
  const bool all = strcmp(b->plan, "all") == 0;
  bool resident = all;
  struct list l = {0};
  for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
    if (!all && strcmp(b->plan, plans[i].plan) != 0) continue;
    plans[i].judge(b, &l);
    resident = resident || plans[i].resident;
  }
  if (resident) judge_resident(b, &l);
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
