/*
 * bench_text.c: the results as text, or as Markdown for a README.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/bench_machine.h"
#include "common/error.h"
#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"

#define OVERVIEW_COLUMNS 10 /* with more contenders, only the tables of each workload show them */

struct page_style {
  const struct bench *b;
  FILE *out;
  bool markdown;
};

static void finish(const struct page_style *p, struct table *t) {
  if (p->markdown) {
    table_print_markdown(t, p->out);
  } else {
    table_print(t, p->out, 2);
  }
  fputc('\n', p->out);
}

static void heading(const struct page_style *p, const char *text) { fprintf(p->out, p->markdown ? "### %s\n\n" : "%s\n", text); }

/* About three digits; "-" if the figure is missing. */
static void add_number(struct table *t, double value) {
  if (isnan(value)) {
    table_cell(t, "-");
  } else {
    table_cell(t, "%.*f", value >= 1000 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3, value);
  }
}

/* One round has no deviation, and no interval for its median. */
static bool is_one_round(const struct page_style *p) { return bench_rounds_measured(p->b) < 2; }

static void add_interval(const struct page_style *p, struct table *t, struct interval i) {
  if (i.count == 0) {
    table_cell(t, "-");
  } else if (is_one_round(p)) {
    table_cell(t, "%.3f [-]", i.median);
  } else {
    table_cell(t, "%.3f [%.3f, %.3f]", i.median, i.low, i.high);
  }
}

static bool shown(const struct bench *b, size_t workload, size_t contender) { return bench_summary(b, workload, contender, FIGURE_speed).count > 0; }

/* ---- The tables. ---- */

/* Medians with the deviation, one line for each workload: the tables that judged the predecessor. */
static void print_overview(const struct page_style *p) {
  const struct bench *const b = p->b;
  if (b->contender_count > OVERVIEW_COLUMNS) return;
  char *const alignment = must_allocate(b->contender_count + 2);
  memset(alignment, 'r', b->contender_count + 1);
  alignment[0] = 'l';
  heading(p, "Speed: medians, with the standard deviation");
  struct table *const t = table_create(alignment);
  table_cell(t, "workload");
  for (size_t c = 0; c < b->contender_count; c++) table_cell(t, "%s", b->contenders[c].name);
  for (size_t w = 0; w < b->workload_count; w++) {
    const char *unit;
    const double scale = bench_speed_unit(b, w, &unit);
    if (b->workloads[w].left_out) continue;
    table_cell(t, "%s, %s", b->workloads[w].name, unit);
    for (size_t c = 0; c < b->contender_count; c++) {
      const struct summary s = bench_summary(b, w, c, FIGURE_speed);
      if (s.count == 0) {
        table_cell(t, bench_stopped(b, w, c) ? "failed" : "-");
      } else if (s.count == 1) {
        table_cell(t, "%.4g ±-", s.median / scale);
      } else {
        table_cell(t, "%.4g ±%.1f %%", s.median / scale, 100 * s.deviation / s.mean);
      }
    }
  }
  finish(p, t);
  free(alignment);
}

/* One free and one malloc in ns, a line for each workload. */
static void print_latency(const struct page_style *p) {
  const struct bench *const b = p->b;
  bool any = false;
  for (size_t w = 0; w < b->workload_count; w++) any = any || b->workloads[w].kind == WORKLOAD_LATENCY;
  if (!any || b->contender_count > OVERVIEW_COLUMNS) return;
  char *const alignment = must_allocate(b->contender_count + 2);
  memset(alignment, 'r', b->contender_count + 1);
  alignment[0] = 'l';
  heading(p, "One free and one malloc, ns: p50, p99, p99.9, p99.99, longest; medians");
  struct table *const t = table_create(alignment);
  table_cell(t, "workload");
  for (size_t c = 0; c < b->contender_count; c++) table_cell(t, "%s", b->contenders[c].name);
  for (size_t w = 0; w < b->workload_count; w++) {
    if (b->workloads[w].kind != WORKLOAD_LATENCY) continue;
    table_cell(t, "%s", b->workloads[w].name);
    for (size_t c = 0; c < b->contender_count; c++) {
      double ns[5];
      for (unsigned i = 0; i < 5; i++) ns[i] = bench_summary(b, w, c, FIGURE_p50_ns + i).median;
      if (!shown(b, w, c)) table_cell(t, bench_stopped(b, w, c) ? "failed" : "-");
      else table_cell(t, "%.0f, %.0f, %.0f, %.0f, %.0f", ns[0], ns[1], ns[2], ns[3], ns[4]);
    }
  }
  finish(p, t);
  free(alignment);
}

/* The row "cold": if a block is in no cache, its free waits for the header. */
static void print_cold(const struct page_style *p) {
  struct interval r[BENCH_COLD_SETS];
  bool any = false;
  for (size_t i = 0; i < BENCH_COLD_SETS; i++) {
    r[i] = bench_cold_ratio(p->b, bench_cold_sets[i]);
    any = any || r[i].count > 0;
  }
  if (!any) return;
  heading(p, "Cold frees: the speed of hakmem against hakmem-plain");
  struct table *const t = table_create("lrr");
  table_cell(t, "slots");
  for (size_t i = 0; i < BENCH_COLD_SETS; i++) table_cell(t, "%" PRIu64, bench_cold_sets[i]);
  table_cell(t, "cold");
  for (size_t i = 0; i < BENCH_COLD_SETS; i++) add_interval(p, t, r[i]);
  finish(p, t);
}

static void print_slowdown(const struct page_style *p) {
  const struct bench *const b = p->b;
  const size_t few = bench_working_set(b, 256), many = bench_working_set(b, 8192);
  if (few == SIZE_MAX || many == SIZE_MAX || b->contender_count > OVERVIEW_COLUMNS) return;
  heading(p, "Slowdown from a working set of 256 to one of 8192");
  struct table *const t = table_create("lr");
  table_cell(t, "allocator");
  table_cell(t, "times slower");
  for (size_t c = 0; c < b->contender_count; c++) {
    if (!shown(b, few, c)) continue;
    table_cell(t, "%s", b->contenders[c].name);
    add_interval(p, t, bench_ratio(b, (struct cell){few, c}, (struct cell){many, c}, FIGURE_speed));
  }
  finish(p, t);
}

/* The figures with a column: those that any run of the workload has. */
static size_t columns(const struct bench *b, size_t w, enum figure list[FIGURE_COUNT]) {
  size_t count = 0;
  for (enum figure f = FIGURE_peak_kib; f < FIGURE_COUNT; f++) {
    if (bench_row_has(b, w, f)) list[count++] = f;
  }
  return count;
}

static const char *const short_names[FIGURE_COUNT] = {[FIGURE_peak_kib] = "MiB",
                                                      [FIGURE_minor_faults] = "minor faults",
                                                      [FIGURE_major_faults] = "major",
                                                      [FIGURE_cycles] = "cycles",
                                                      [FIGURE_instructions] = "ins",
                                                      [FIGURE_l1d_misses] = "L1d",
                                                      [FIGURE_llc_misses] = "LLC",
                                                      [FIGURE_dtlb_misses] = "dTLB",
                                                      [FIGURE_all_cycles] = "all cycles",
                                                      [FIGURE_cpu_ns] = "CPU ns",
                                                      [FIGURE_sim_instructions] = "sim ins",
                                                      [FIGURE_sim_l1d_misses] = "sim L1d",
                                                      [FIGURE_sim_llc_misses] = "sim LLC",
                                                      [FIGURE_handover_ns] = "line ns",
                                                      [FIGURE_superslabs] = "SuperSlabs",
                                                      [FIGURE_probes] = "probes",
                                                      [FIGURE_first_probe] = "first",
                                                      [FIGURE_lookup_p50_ns] = "p50 ns",
                                                      [FIGURE_lookup_p99_ns] = "p99 ns",
                                                      [FIGURE_shared_fails] = "shared_fails",
                                                      [FIGURE_before_kib] = "before",
                                                      [FIGURE_after_kib] = "after",
                                                      [FIGURE_p50_ns] = "p50",
                                                      [FIGURE_p99_ns] = "p99",
                                                      [FIGURE_p999_ns] = "p99.9",
                                                      [FIGURE_p9999_ns] = "p99.99",
                                                      [FIGURE_max_ns] = "longest",
                                                      [FIGURE_preempted] = "preempted"};

static bool in_kib(enum figure f) { return strcmp(bench_figures[f].unit, "KiB") == 0; }

static void print_workload(const struct page_style *p, size_t w) {
  const struct bench *const b = p->b;
  enum figure list[FIGURE_COUNT];
  const size_t count = columns(b, w, list);
  const size_t reference = bench_reference(b);
  const char *unit;
  const double scale = bench_speed_unit(b, w, &unit);
  char alignment[FIGURE_COUNT + 8] = "l";
  memset(alignment + 1, 'r', 4 + count);
  struct table *const t = table_create(alignment);
  heading(p, b->workloads[w].name);
  table_cell(t, "%s", unit);
  table_cell(t, "median");
  table_cell(t, "mean");
  table_cell(t, "deviation");
  table_cell(t, "%s / this", b->contenders[reference].name);
  for (size_t i = 0; i < count; i++) table_cell(t, "%s", short_names[list[i]]);
  for (size_t c = 0; c < b->contender_count; c++) {
    const struct summary s = bench_summary(b, w, c, FIGURE_speed);
    if (s.count == 0 && !bench_stopped(b, w, c)) continue;
    table_cell(t, "%s%s", b->contenders[c].name, s.count == 0 ? ": failed" : "");
    add_number(t, s.median / scale);
    add_number(t, s.mean / scale);
    add_number(t, s.count > 1 ? s.deviation / scale : NAN);
    add_interval(p, t, c == reference ? (struct interval){0} : bench_ratio(b, (struct cell){w, reference}, (struct cell){w, c}, FIGURE_speed));
    for (size_t i = 0; i < count; i++) {
      add_number(t, bench_summary(b, w, c, list[i]).median / (in_kib(list[i]) ? 1024 : 1));
    }
  }
  finish(p, t);
}

static void print_verdicts(const struct page_style *p) {
  size_t count;
  struct judgement *const list = bench_judge(p->b, &count);
  if (count > 0) {
    heading(p, "Targets");
    struct table *const t = table_create("lllrl");
    table_cell(t, "what");
    table_cell(t, "target");
    table_cell(t, "against");
    table_cell(t, "measured");
    table_cell(t, "verdict");
    for (size_t i = 0; i < count; i++) {
      table_cell(t, "%s", list[i].what);
      table_cell(t, "%s", list[i].target);
      table_cell(t, "%s", list[i].note);
      add_interval(p, t, (struct interval){list[i].verdict != VERDICT_UNKNOWN, list[i].value, list[i].low, list[i].high, 0});
      table_cell(t, "%s", verdict_names[list[i].verdict]);
    }
    finish(p, t);
  }
  judgements_free(list, count);
}

/* ---- Notes for the reader. ---- */

static void print_head(const struct page_style *p) {
  const struct bench_options *const o = &p->b->options;
  char *const cpu = machine_cpu(), *const safe = escape(cpu);
  fprintf(p->out, "hakmem bench %s: %u round%s%s, the contenders taking turns, each run a process of its own; seeds %" PRIu64 " to %" PRIu64, p->b->plan,
          o->rounds, o->rounds == 1 ? "" : "s", o->warm_up ? " after one that is not counted" : "", o->seed, o->seed + o->rounds - 1);
  if (p->b->workloads[0].kind == WORKLOAD_MIXED) {
    fprintf(p->out, "; random_mixed: %" PRIu64 " operations of each thread, blocks of %" PRIu64 " to %" PRIu64 " bytes%s", p->b->fixed_ops, o->smallest,
            o->largest, o->read ? ", each read before its free" : "");
  }
  if (strcmp(p->b->plan, "latency") == 0) {
    fprintf(p->out, "; %" PRIu64 " operations of each thread, blocks of 16 to 1015 bytes; cold: without a warm-up", p->b->fixed_ops);
  }
  fprintf(p->out, "; %s; %s, %ld CPUs.\n", o->cpu ? "speed by processor time" : "speed by the clock", safe, sysconf(_SC_NPROCESSORS_ONLN));
  if (is_one_round(p)) fputs("One round: it has no deviation, and its ratios have no interval.\n\n", p->out);
  else
    fprintf(p->out, "Ratios are medians of the rounds' ratios; in brackets the interval for the median, by their order (confidence %.1f %%).\n\n",
            100 * statistics_confidence(bench_rounds_measured(p->b)));
  if (p->b->interrupted) {
    fprintf(p->out, "INTERRUPTED after %" PRIu64 " of %" PRIu64 " runs: the tables hold what was measured until then.\n\n", p->b->done, p->b->planned);
  }
  free(cpu);
  free(safe);
}

/* If threads share memory, much of their speed is the time of a cache line from one CPU to the other. */
static void print_handover(const struct page_style *p) {
  const struct bench *const b = p->b;
  double least = INFINITY, most = 0;
  for (size_t w = 0; w < b->workload_count; w++) {
    for (size_t c = 0; c < b->contender_count; c++) {
      for (unsigned round = 0; round < b->options.rounds; round++) {
        const double ns = *bench_value(b, w, c, FIGURE_handover_ns, round);
        least = fmin(least, ns);
        most = fmax(most, ns);
      }
    }
  }
  if (most <= 0) return;
  fprintf(p->out, "A cache line came from the other CPU (line ns) in %.0f to %.0f ns%s.\n", least, most,
          most > 2 * least ? ": the CPUs were moved meanwhile, to cores that share a cache and to "
                             "cores that do not, and what threads share costs accordingly; or they were busy"
                           : "");
}

static void print_foot(const struct page_style *p) {
  const struct bench *const b = p->b;
  fprintf(p->out,
          "Cycles, ins (instructions) and misses are per operation, of user space; all cycles and CPU: and of the kernel; what is resident, in MiB%s.\n",
          b->scaled ? "; the counters took turns and are scaled by their share of the time" : "");
  print_handover(p);
  for (enum figure f = FIGURE_cycles; f <= FIGURE_dtlb_misses; f++) {
    if (!bench_has(b, f)) fprintf(p->out, "%s: not available here\n", bench_figures[f].text);
  }
  for (size_t c = 0; c < b->contender_count; c++) {
    for (char **variable = b->contenders[c].peer ? b->contenders[c].environment : NULL; variable != NULL && *variable != NULL; variable++) {
      char *const safe = escape(*variable);
      fprintf(p->out, "%s with %s\n", b->contenders[c].name, safe);
      free(safe);
    }
  }
  for (size_t i = 0; i < b->left_out_count; i++) {
    char *const safe = escape(b->left_out[i]);
    fprintf(p->out, "left out: %s\n", safe);
    free(safe);
  }
}

void bench_print(const struct bench *b, FILE *out, bool markdown) {
  const struct page_style p = {b, out, markdown};
  print_head(&p);
  print_overview(&p);
  print_slowdown(&p);
  print_cold(&p);
  print_latency(&p);
  for (size_t w = 0; w < b->workload_count; w++) {
    if (!b->workloads[w].left_out) print_workload(&p, w);
  }
  print_verdicts(&p);
  print_foot(&p);
}
