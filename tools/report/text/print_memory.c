/*
 * print_memory.c: how full the slabs are, the memory of each class, memory over time, and where all of it is.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"

#define BAR_WIDTH 40
#define COLUMNS_OF_TIME 50
#define LINES_OF_TIME 8
#define REQUESTED_ERROR "  +-: the standard error of requested, which is estimated from samples\n"

/* ---- Fragmentation ---- */

static void print_utilisation(FILE *out, const uint64_t bins[STATS_UTILISATION_BINS]) {
  uint64_t slabs = 0, most = 0;
  for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) {
    slabs += bins[i];
    if (bins[i] > most) most = bins[i];
  }
  if (slabs == 0) {
    fputs("  no slab is in use\n", out);
    return;
  }
  const unsigned width = format_bar_columns(out, BAR_WIDTH);
  struct table *const t = table_create("rrrl");
  table_cell(t, "live"), table_cell(t, "slabs"), table_cell(t, "%s", ""), table_cell(t, "%s", "");
  for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) {
    char share[FORMAT_SIZE], bar[FORMAT_BAR_SIZE(BAR_WIDTH)];
    if (i + 1 < STATS_UTILISATION_BINS) table_cell(t, "%u-%u %%", i * 10, i * 10 + 9);
    else table_cell(t, "100 %%");
    table_cell(t, "%" PRIu64, bins[i]);
    table_cell(t, "%s", format_percent(share, (double)bins[i], (double)slabs));
    table_cell(t, "%s", format_bar(bar, sizeof(bar), bins[i], most, width));
  }
  table_print(t, out, 2);
}

/* Only a trace has the slabs of earlier moments than the last. */
static void print_peak(FILE *out, const struct page *page) {
  const struct model_process *const p = page->trace != NULL ? model_largest_process(page->trace) : NULL;
  if (p == NULL || p->peak_active == 0) return;
  char size[FORMAT_SIZE], at[FORMAT_SIZE];
  fprintf(out, "\nSlab utilisation when most was active: %s after %s, process %" PRIu32 "\n", format_bytes(size, p->peak_active),
          format_ns(at, (double)p->peak_ns), p->pid);
  print_utilisation(out, p->peak_utilisation);
}

struct row {
  uint32_t cls;
  const struct model_class *c;
};

static int by_active(const void *a, const void *b) {
  const struct row *const x = a, *const y = b;
  const uint64_t p = x->c->gauge.active, q = y->c->gauge.active;
  return p < q ? 1 : p > q ? -1 : x->cls < y->cls ? -1 : x->cls > y->cls;
}

static void add_class(struct table *t, const char *name, uint64_t stride, const struct model_class *c) {
  const struct model_gauges *const g = &c->gauge;
  char buffer[FORMAT_SIZE];
  table_cell(t, "%s", name);
  table_cell(t, "%s", stride > 0 ? format_bytes(buffer, stride) : "");
  table_cell(t, "%" PRIu64, g->slabs);
  const uint64_t sizes[] = {g->requested, whole_number(sqrt((double)g->requested_variance)), g->allocated, g->active, g->cached, g->partial};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) table_cell(t, "%s", format_bytes(buffer, sizes[i]));
  table_cell(t, "%s", format_percent(buffer, (double)g->allocated - (double)g->requested, (double)g->allocated));
  char *const drawing = format_sparkline(c->utilisation, STATS_UTILISATION_BINS);
  table_cell(t, "%s", drawing);
  free(drawing);
}

/* Sums the classes up and gathers those with memory, largest first. */
static size_t gather(const struct report *r, struct row rows[CLASS_ROWS], struct model_class *sum) {
  size_t count = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct model_class *const c = &r->total->cls[cls];
    if (c->gauge.active == 0) continue;
    rows[count++] = (struct row){cls, c};
#define ADD_GAUGE(name, text) sum->gauge.name += c->gauge.name;
    MODEL_GAUGES(ADD_GAUGE)
    for (unsigned i = 0; i < STATS_UTILISATION_BINS; i++) sum->utilisation[i] += c->utilisation[i];
  }
  if (count > 0) qsort(rows, count, sizeof(rows[0]), by_active);
  return count;
}

static int by_pinned(const void *a, const void *b) {
  const struct row *const x = a, *const y = b;
  const uint64_t p = x->c->pins.free, q = y->c->pins.free;
  return p < q ? 1 : p > q ? -1 : x->cls < y->cls ? -1 : x->cls > y->cls;
}

/* Slabs with few live blocks, and for how long at least. */
static void print_pins(FILE *out, const struct page *page) {
  const struct report *const r = page->memory;
  struct row rows[CLASS_COUNT];
  size_t count = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (r->total->cls[cls].pins.slabs > 0) rows[count++] = (struct row){cls, &r->total->cls[cls]};
  }
  if (count == 0) return;
  qsort(rows, count, sizeof(rows[0]), by_pinned);
  fprintf(out, "\nSlabs that few blocks hold (at most %d %% of what fits), and how long ago a block was last taken from them\n", STATS_PINNED);
  struct table *const t = table_create("rrrrrr");
  table_cell(t, "class"), table_cell(t, "stride"), table_cell(t, "slabs"), table_cell(t, "free"), table_cell(t, "mean"), table_cell(t, "longest");
  const size_t shown = page->all || count < PRINT_ROWS ? count : PRINT_ROWS;
  for (size_t i = 0; i < shown; i++) {
    const struct stats_pins *const pins = &rows[i].c->pins;
    char name[MODEL_CLASS_NAME], buffer[FORMAT_SIZE];
    table_cell(t, "%s", model_class_name(rows[i].cls, name));
    table_cell(t, "%s", format_bytes(buffer, r->stride[rows[i].cls]));
    table_cell(t, "%" PRIu64, pins->slabs);
    table_cell(t, "%s", format_bytes(buffer, pins->free));
    table_cell(t, "%s", format_ns(buffer, (double)pins->idle_ms / (double)pins->slabs * 1e6));
    table_cell(t, "%s", format_ns(buffer, (double)pins->longest_ms * 1e6));
  }
  table_print(t, out, 2);
  print_more(out, page, shown, count, "class", "classes");
}

static void print_fragmentation(FILE *out, const struct page *page) {
  const struct report *const r = page->memory;
  struct row rows[CLASS_ROWS];
  struct model_class sum = {0};
  const size_t count = gather(r, rows, &sum);
  print_peak(out, page);
  fputs("\nSlab utilisation at the last snapshot (live blocks / capacity)\n", out);
  print_utilisation(out, sum.utilisation);
  fputs("\nFragmentation by class at the last snapshot, largest first\n", out);
  if (count == 0) {
    fputs("  no class has a slab in use\n", out);
    return;
  }
  static const char *const heads[] = {"class", "stride", "slabs", "requested", "+-", "allocated", "active", "cached", "partial", "internal", "0..100 %"};
  const size_t shown = page->all || count < PRINT_ROWS ? count : PRINT_ROWS;
  struct table *const t = table_create("rRrrRrrRRrL");
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  add_class(t, "all", 0, &sum);
  for (size_t i = 0; i < shown; i++) {
    char name[MODEL_CLASS_NAME];
    add_class(t, model_class_name(rows[i].cls, name), r->stride[rows[i].cls], rows[i].c);
  }
  table_print(t, out, 2);
  fputs(REQUESTED_ERROR, out);
  print_more(out, page, shown, count, "class", "classes");
}

/* ---- Over time ---- */

#define MOMENT_EXACT(V) V(allocated) V(active) V(committed) V(mapped) V(rss)
#define MOMENT_VALUES(V) V(requested) MOMENT_EXACT(V)

typedef uint64_t value_of_moment(const struct stats_moment *m);
#define DEFINE_VALUE(name) \
  static uint64_t name##_of(const struct stats_moment *m) { return m->name; }
MOMENT_VALUES(DEFINE_VALUE)

/* The moment of column `column` of `columns`: the last one in its share of the time, or an earlier one if it has none. */
static const struct stats_moment *moment_at(const struct model_process *p, size_t column, size_t columns) {
  const uint64_t first = p->timeline[0].time_ns, last = p->timeline[p->timeline_length - 1].time_ns;
  const double span = last > first ? (double)(last - first) : 0;
  const double end = (double)first + span * (double)(column + 1) / (double)columns;
  size_t low = 0, high = p->timeline_length - 1;
  while (low < high) {
    const size_t middle = (low + high + 1) / 2;
    if ((double)p->timeline[middle].time_ns <= end) low = middle;
    else high = middle - 1;
  }
  return &p->timeline[low];
}

static void add_value_line(struct table *t, const struct model_process *p, const char *name, value_of_moment *value, size_t columns) {
  uint64_t values[COLUMNS_OF_TIME], most = 0;
  char buffer[FORMAT_SIZE];
  for (size_t i = 0; i < p->timeline_length; i++) {
    const uint64_t v = value(&p->timeline[i]);
    if (v == UNKNOWN) return;
    if (v > most) most = v;
  }
  for (size_t i = 0; i < columns; i++) values[i] = value(moment_at(p, i, columns));
  char *const line = format_sparkline(values, columns);
  table_cell(t, "%s", name);
  table_cell(t, "%s", line);
  table_cell(t, "%s", format_bytes(buffer, most));
  table_cell(t, "%s", format_bytes(buffer, value(&p->timeline[p->timeline_length - 1])));
  free(line);
}

static void print_moments(FILE *out, const struct model_process *p) {
  const size_t lines = p->timeline_length < LINES_OF_TIME ? p->timeline_length : LINES_OF_TIME;
  char buffer[FORMAT_SIZE];
  struct table *const t = table_create("rrrrRrRr");
  table_cell(t, "at"), table_cell(t, "requested"), table_cell(t, "+-");
#define ADD_MOMENT_HEAD(name) table_cell(t, "%s", #name);
  MOMENT_EXACT(ADD_MOMENT_HEAD)
  for (size_t i = 0; i < lines; i++) {
    const struct stats_moment *const m = lines > 1 ? &p->timeline[i * (p->timeline_length - 1) / (lines - 1)] : &p->timeline[0];
    table_cell(t, "%s", format_ns(buffer, (double)m->time_ns));
    table_cell(t, "%s", format_bytes(buffer, m->requested));
    table_cell(t, "%s", format_bytes(buffer, whole_number(sqrt((double)m->requested_variance))));
#define ADD_MOMENT_CELL(name) table_cell(t, "%s", format_bytes(buffer, m->name));
    MOMENT_EXACT(ADD_MOMENT_CELL)
  }
  table_print(t, out, 2);
  fputs(REQUESTED_ERROR, out);
}

static void print_timeline(FILE *out, const struct model_process *p) {
  fputs("\nMemory over time\n", out);
  if (p->timeline_length == 0) {
    fputs("  no snapshot was taken\n", out);
    return;
  }
  if (p->timeline_length > 2) {
    const size_t most = format_bar_columns(out, COLUMNS_OF_TIME), columns = p->timeline_length < most ? p->timeline_length : most;
    struct table *const t = table_create("llrr");
    table_cell(t, "%s", ""), table_cell(t, "snapshots, each on a scale of its own"), table_cell(t, "most"), table_cell(t, "end");
#define ADD_VALUE_LINE(name) add_value_line(t, p, #name, name##_of, columns);
    MOMENT_VALUES(ADD_VALUE_LINE)
    table_print(t, out, 2);
  }
  print_moments(out, p);
}

/* ---- Where the memory is ---- */

static void add_bucket(struct table *t, const char *name, const char *meaning, uint64_t bytes, uint64_t whole, bool bar) {
  char buffer[FORMAT_SIZE], drawing[FORMAT_BAR_SIZE(BAR_WIDTH / 2)];
  table_cell(t, "%s", name);
  table_cell(t, "%s", format_bytes(buffer, bytes));
  table_cell(t, "%s", format_percent(buffer, (double)bytes, (double)whole));
  table_cell(t, "%s", meaning);
  table_cell(t, "%s", bar ? format_bar(drawing, sizeof(drawing), bytes, whole, BAR_WIDTH / 2) : "");
}

/* Only the end of a process, and a look into its memory, find out what is untouched. */
static void print_unknown_residual(FILE *out, const struct model_process *p) {
  char rss[FORMAT_SIZE];
  char *const line = must_print("RSS %s; how much of it is hakmem's is unknown, because no one asked which of these bytes had memory behind them",
                                format_bytes(rss, p->rss));
  format_wrapped(out, "  ", line);
  free(line);
}

static void print_buckets_head(FILE *out, const struct model_process *p) {
  char time[FORMAT_SIZE];
  fputs("\nWhere the memory is", out);
  if (model_is_cut(p)) fprintf(out, ", at the last snapshot, %s after the start", format_ns(time, (double)p->snapshot_ns));
  fputc('\n', out);
}

static void print_buckets(FILE *out, const struct model_process *p) {
  uint64_t sum = 0;
#define SUM_BUCKET(name, text) sum += p->buckets.name;
  STATS_BUCKETS(SUM_BUCKET)
  print_buckets_head(out, p);
  struct table *const t = table_create("lrrlL");
#define ADD_BUCKET(name, text) add_bucket(t, #name, text, p->buckets.name, sum, true);
  STATS_BUCKETS(ADD_BUCKET)
  add_bucket(t, "committed", "the sum of these", sum, sum, false);
  if (p->has_untouched) add_bucket(t, "untouched", "of it, without memory behind it yet", p->untouched, sum, false);
  table_print(t, out, 2);
  if (!p->has_untouched) return print_unknown_residual(out, p);
  char rss[FORMAT_SIZE], held[FORMAT_SIZE], residual[FORMAT_SIZE], files[FORMAT_SIZE];
  const uint64_t resident = sum > p->untouched ? sum - p->untouched : 0;
  const bool less = p->rss < resident;
  format_bytes(residual, less ? resident - p->rss : p->rss - resident);
  fprintf(out, "  RSS %s = %s of hakmem %s %s residual\n", format_bytes(rss, p->rss), format_bytes(held, resident), less ? "-" : "+", residual);
  const uint64_t absent = resident + model_others(p) - p->rss; /* of the touched ones, at least */
  char *const line = absent > 0 ? must_print("(at least %s count as touched and are not resident, such as the rest of a huge block that is partly used: %s are "
                                             "pages of files, which are never hakmem's)",
                                             format_bytes(residual, absent), format_bytes(files, p->rss_files))
                                : must_print("(%s of files' pages, which are code and data that were never written to; the rest: stacks, data, mappings of the "
                                             "program's own)",
                                             format_bytes(files, p->rss_files));
  format_wrapped(out, "    ", line);
  free(line);
}

#define THREADS_SHOWN 10

static void print_threads(FILE *out, const struct page *page, const struct model_process *p) {
  const struct stats_threads *const from = &p->threads;
  const unsigned most = page->all ? STATS_THREADS : THREADS_SHOWN;
  char buffer[FORMAT_SIZE];
  if (from->count < 2 || from->row[0].bytes == 0) return;
  fputs("\nThreads whose lists hold most (idle: since the thread was last in its slow path)\n", out);
  struct table *const t = table_create("rlrr");
  table_cell(t, "thread"), table_cell(t, "name"), table_cell(t, "held"), table_cell(t, "idle");
  for (unsigned i = 0; i < most && i < STATS_THREADS && from->row[i].bytes > 0; i++) {
    const struct stats_thread *const thread = &from->row[i];
    char *const name = escape(thread->name);
    if (thread->tid != 0) table_cell(t, "%" PRIu32, thread->tid);
    else table_cell(t, "ended");
    table_cell(t, "%s", name);
    table_cell(t, "%s", format_bytes(buffer, thread->bytes));
    table_cell(t, "%s", format_ns(buffer, (double)thread->idle_ms * 1e6));
    free(name);
  }
  table_print(t, out, 2);
  if (from->count > most) fprintf(out, "  (%" PRIu32 " threads have lists)\n", from->count);
}

static void print_mappings(FILE *out, const struct model_process *p) {
  char buffer[FORMAT_SIZE];
  if (p->mappings[0].name[0] == '\0') return;
  fputs("\nLargest mappings, hakmem's own included\n", out);
  struct table *const t = table_create("rl");
  for (unsigned i = 0; i < STATS_MAPPINGS && p->mappings[i].name[0] != '\0'; i++) {
    char *const name = escape(p->mappings[i].name);
    table_cell(t, "%s", format_bytes(buffer, p->mappings[i].resident));
    table_cell(t, "%s", name);
    free(name);
  }
  table_print(t, out, 2);
}

/* What HAKMEM_SOFT_LIMIT did and cost. */
static void print_soft_limit(FILE *out, const struct model_process *p) {
  const struct stats_counters *const c = &p->counts->counters;
  const uint64_t limit = p->settings[SETTING_SOFT_LIMIT].value;
  char size[FORMAT_SIZE], time[FORMAT_SIZE], share[FORMAT_SIZE], released[FORMAT_SIZE], cost[FORMAT_SIZE];
  if (limit == 0 && c->soft_limit_releases == 0) return;
  char *const line = must_print(
    "%s, passed %" PRIu64 " time%s; above it for %s (%s of the run); %" PRIu64 " look%s released %s in %s, without the page faults of their next use",
    limit != 0 ? format_bytes(size, limit) : "none now", c->soft_limit_crossed, c->soft_limit_crossed == 1 ? "" : "s",
    format_ns(time, (double)c->soft_limit_above_ns), format_percent(share, (double)c->soft_limit_above_ns, (double)p->elapsed_ns), c->soft_limit_releases,
    c->soft_limit_releases == 1 ? "" : "s", format_bytes(released, c->soft_limit_bytes), format_ns(cost, (double)c->soft_limit_ns));
  fputs("\nSoft limit (HAKMEM_SOFT_LIMIT)\n", out);
  format_wrapped(out, "  ", line);
  free(line);
}

void print_memory(FILE *out, const struct page *page) {
  print_fragmentation(out, page);
  print_pins(out, page);
  const struct model_process *const p = model_largest_process(page->memory);
  if (p == NULL) return;
  if (page->memory->process_count > 1) {
    char what[MODEL_MERGE], *const program = escape(p->program);
    if (p->merge != NULL) fprintf(out, "\nOf %s:\n", model_merge_text(p->merge, what));
    else fprintf(out, "\nOf the largest process, %" PRIu32 " (%s); --pid shows another:\n", p->pid, program);
    free(program);
  }
  if (p->merge == NULL) print_timeline(out, p);
  if (!p->has_buckets) return;
  print_buckets(out, p);
  print_soft_limit(out, p);
  print_threads(out, page, p);
  print_mappings(out, p);
}
