/*
 * print_latency.c: latencies: for each kind a line of figures and a drawing of all classes together, then a line for each class.
 *
 * A drawing has one bar for each doubling of the value. The lines of the classes have one character for each doubling (or for two or three, if
 * there are many), all with the same beginning.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"

#define OCTAVES (HISTOGRAM_VALUE_BITS + 1)
#define BAR_WIDTH 50
#define GAP_MIN 3
#define CELLS_MAX 14

#define STAGE_NAME(name, meaning) #name,
#define STAGE_MEANING(name, meaning) meaning,

static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

/* The doubling of a value: 0 for 0, else the number of its bits. The last doubling also holds all larger values. */
static unsigned octave_of(uint64_t value) {
  const unsigned bits = value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
  return bits < OCTAVES ? bits : OCTAVES - 1;
}

static uint64_t octave_lower(unsigned octave) { return octave == 0 ? 0 : (uint64_t)1 << (octave - 1); }

static void count_octaves(const struct histogram *h, uint64_t octaves[OCTAVES]) {
  for (unsigned i = 0; i < OCTAVES; i++) octaves[i] = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) octaves[octave_of(histogram_lower(i))] += h->bucket[i];
}

/* The first and the last doubling with values. */
static void find_range(const uint64_t octaves[OCTAVES], unsigned *first, unsigned *last) {
  *first = OCTAVES - 1;
  *last = 0;
  for (unsigned i = 0; i < OCTAVES; i++) {
    if (octaves[i] == 0) continue;
    if (i < *first) *first = i;
    *last = i;
  }
}

static const char *format_value(char *buffer, double value, bool ticks) {
  if (!ticks) return format_ns(buffer, value);
  snprintf(buffer, FORMAT_SIZE, "%.0f", value);
  return buffer;
}

static void add_figures(struct table *t, const struct histogram *h, bool ticks) {
  char buffer[FORMAT_SIZE];
  table_cell(t, "%" PRIu64, h->count);
  table_cell(t, "%s", format_value(buffer, histogram_mean(h), ticks));
  for (size_t i = 0; i < QUANTILES; i++) table_cell(t, "%s", format_value(buffer, (double)histogram_quantile(h, quantiles[i]), ticks));
  table_cell(t, "%s", format_value(buffer, (double)h->max, ticks));
}

void print_range(struct table *t, struct quantile_range range, bool ticks) {
  char lower[FORMAT_SIZE], upper[FORMAT_SIZE];
  format_value(lower, (double)range.lower, ticks);
  if (range.upper == UINT64_MAX) table_cell(t, "from %s", lower);
  else if (strcmp(lower, format_value(upper, (double)range.upper, ticks)) == 0) table_cell(t, "%s", lower);
  else table_cell(t, "%s-%s", lower, upper);
}

/* The line below the figures of all classes: what lies one standard error to each side of them. */
static void add_errors(struct table *t, struct timed timed, const struct histogram *h, bool ticks) {
  char buffer[FORMAT_SIZE];
  if (timed.how == TIMED_ALL) return;
  table_cell(t, "error");
  table_cell(t, "+-%s", format_value(buffer, timed_mean_error(timed, CLASS_ROWS, h), ticks));
  for (size_t i = 0; i < QUANTILES; i++) print_range(t, timed_quantile(timed, CLASS_ROWS, h, quantiles[i]), ticks);
  table_cell(t, "%s", "");
}

static void add_heads(struct table *t) {
  static const char *const heads[] = {"count", "mean", "p50", "p90", "p99", "p99.9", "max"};
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
}

/* One character for each doubling, or for as many doublings as make the drawing fit. */
static void add_drawing(struct table *t, const struct histogram *h, unsigned first, unsigned last) {
  uint64_t octaves[OCTAVES], cells[CELLS_MAX] = {0};
  const unsigned each = (last - first) / CELLS_MAX + 1;
  count_octaves(h, octaves);
  for (unsigned i = first; i <= last; i++) cells[(i - first) / each] += octaves[i];
  char *const line = format_sparkline(cells, (last - first) / each + 1);
  table_cell(t, "%s", line);
  free(line);
}

/* The number of empty doublings from `i` on. */
static unsigned empty_run(const uint64_t octaves[OCTAVES], unsigned i) {
  unsigned length = 0;
  while (i + length < OCTAVES && octaves[i + length] == 0) length++;
  return length;
}

/* One bar for each doubling between the least and the greatest value; a long gap is one line. */
static void print_bars(FILE *out, const struct histogram *h, bool ticks) {
  uint64_t octaves[OCTAVES], most = 0;
  unsigned first, last;
  count_octaves(h, octaves);
  find_range(octaves, &first, &last);
  for (unsigned i = first; i <= last; i++) {
    if (octaves[i] > most) most = octaves[i];
  }
  const unsigned width = format_bar_columns(out, BAR_WIDTH);
  struct table *const t = table_create("rrrl");
  for (unsigned i = first; i <= last; i++) {
    const unsigned gap = empty_run(octaves, i);
    if (gap >= GAP_MIN) {
      table_cell(t, "..."), table_cell(t, "0"), table_cell(t, "%s", ""), table_cell(t, "%s", "");
      i += gap - 1;
      continue;
    }
    char value[FORMAT_SIZE], share[FORMAT_SIZE], bar[FORMAT_BAR_SIZE(BAR_WIDTH)];
    table_cell(t, "from %s", format_value(value, (double)octave_lower(i), ticks));
    table_cell(t, "%" PRIu64, octaves[i]);
    table_cell(t, "%s", format_percent(share, (double)octaves[i], (double)h->count));
    table_cell(t, "%s", format_bar(bar, sizeof(bar), octaves[i], most, width));
  }
  table_print(t, out, 2);
}

struct row {
  uint32_t cls;
  const struct histogram *h;
};

static int by_count(const void *a, const void *b) {
  const struct row *const x = a, *const y = b;
  return x->h->count < y->h->count ? 1 : x->h->count > y->h->count ? -1 : x->cls < y->cls ? -1 : x->cls > y->cls;
}

static int by_class(const void *a, const void *b) {
  const struct row *const x = a, *const y = b;
  return x->cls < y->cls ? -1 : x->cls > y->cls;
}

/* The lines of the classes: the most used ones, or all. */
static void print_classes(FILE *out, const struct page *page, struct histogram *const table[CLASS_ROWS], const struct histogram *merged, struct timed timed) {
  struct row rows[CLASS_ROWS];
  size_t count = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    if (table[cls] != NULL && table[cls]->count > 0) rows[count++] = (struct row){cls, table[cls]};
  }
  qsort(rows, count, sizeof(rows[0]), by_count);
  const size_t shown = page->all || count < PRINT_ROWS ? count : PRINT_ROWS;
  qsort(rows, shown, sizeof(rows[0]), by_class);
  uint64_t octaves[OCTAVES];
  unsigned first, last;
  char buffer[FORMAT_SIZE], name[MODEL_CLASS_NAME];
  count_octaves(merged, octaves);
  find_range(octaves, &first, &last);
  const bool ticks = page->main->latency.ticks;
  struct table *const t = table_create(timed.how == TIMED_ALL ? "rRrRrRrrrL" : "rRrRrRrrrRL");
  table_cell(t, "class"), table_cell(t, "stride"), add_heads(t);
  if (timed.how != TIMED_ALL) table_cell(t, "p99.9 range");
  table_cell(t, "drawn from %s", format_value(buffer, (double)octave_lower(first), ticks));
  for (size_t i = 0; i < shown; i++) {
    const uint64_t stride = page->main->stride[rows[i].cls];
    table_cell(t, "%s", model_class_name(rows[i].cls, name));
    table_cell(t, "%s", stride > 0 ? format_bytes(buffer, stride) : "-");
    add_figures(t, rows[i].h, ticks);
    if (timed.how != TIMED_ALL) print_range(t, timed_quantile(timed, rows[i].cls, rows[i].h, 0.999), ticks);
    add_drawing(t, rows[i].h, first, last);
  }
  table_print(t, out, 2);
  print_more(out, page, shown, count, "class", "classes");
}

static void print_one(FILE *out, const char *title, const struct histogram *h, struct timed timed, bool ticks) {
  fprintf(out, "\n%s%s\n", title, ticks ? ", in ticks" : "");
  if (h == NULL || h->count == 0) {
    fputs("  none\n", out);
    return;
  }
  struct table *const t = table_create("rRrRrrr");
  add_heads(t);
  add_figures(t, h, ticks);
  add_errors(t, timed, h, ticks);
  table_print(t, out, 2);
  print_bars(out, h, ticks);
}

void print_histograms(FILE *out, const struct page *page, const char *title, struct histogram *const table[CLASS_ROWS], struct timed timed) {
  struct histogram *const merged = model_merged(table);
  print_one(out, title, merged, timed, page->main->latency.ticks);
  if (merged != NULL) print_classes(out, page, table, merged, timed);
  free(merged);
}

static const struct timed all_timed = {TIMED_ALL, NULL, 0}, some_timed = {TIMED_SOME, NULL, 0};

/* "99.8 +-0.1 %" */
static const char *format_share(char *buffer, uint64_t part, uint64_t whole) {
  const struct model_estimate share = model_share(part, whole);
  snprintf(buffer, FORMAT_SIZE, "%.3g +-%.1g %%", share.value * 100, share.error * 100);
  return buffer;
}

/* What the timed look-ups say of all. */
static void print_lookup_shares(FILE *out, const struct stats_counters *c) {
  const uint64_t timed = model_lookups(c);
  const struct model_estimate probes = model_probes(c);
  char hit[FORMAT_SIZE], legacy[FORMAT_SIZE], foreign[FORMAT_SIZE], first[FORMAT_SIZE];
  if (timed == 0) return;
  char *const line = must_print("A sample of %" PRIu64 " lookups was timed. Of all, %s found a SuperSlab, %s a legacy mapping, %s neither. "
                                "One probe was enough for %s; the average is %.3g +-%.1g probes.",
                                timed, format_share(hit, c->lookup_hit, timed), format_share(legacy, c->lookup_legacy, timed),
                                format_share(foreign, c->lookup_foreign, timed), format_share(first, c->lookup_first_probe, timed), probes.value, probes.error);
  format_wrapped(out, "  ", line);
  free(line);
}

static void print_lookups(FILE *out, const struct page *page) {
  bool any = false;
  for (unsigned strategy = 0; strategy < lookup_strategy_count; strategy++) {
    struct histogram *const *const table = page->main->latency.lookup[strategy];
    struct histogram *const merged = model_merged(table);
    if (merged == NULL) continue;
    free(merged);
    any = true;
    char *const title = must_print("SuperSlab lookup latency, strategy %s", model_lookup_strategy_name(strategy));
    print_histograms(out, page, title, table, some_timed);
    free(title);
  }
  if (!any) print_one(out, "SuperSlab lookup latency", NULL, some_timed, false);
  print_lookup_shares(out, &page->main->total->counters);
}

/* Counts the refills that reached each stage. The first three stages are timed in a few refills only. A refill that got nothing is in no counter. */
static void count_reached(const struct report *r, double reached[STAGE_COUNT]) {
  struct stats_class_counters c = {0};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const from = &r->total->cls[cls].counters;
#define ADD_COUNTER(name, meaning) c.name += from->name;
    STATS_CLASS_COUNTERS(ADD_COUNTER)
  }
  for (unsigned i = 0; i < STAGE_COUNT; i++) reached[i] = r->latency.stage[i] != NULL ? (double)r->latency.stage[i]->count : 0;
  reached[STAGE_batch] = (double)(stats_refills(&c) - c.refill_spare);
  reached[STAGE_partial] = (double)(stats_refills(&c) - c.refill_spare - c.refill_batch);
  reached[STAGE_fresh_slab] = (double)(c.refill_fresh_slab + c.refill_fresh_superslab + c.refill_legacy);
}

void estimate_stages(const struct report *r, double spent[STAGE_COUNT], double errors[STAGE_COUNT]) {
  count_reached(r, spent);
  for (unsigned i = 0; i < STAGE_COUNT; i++) {
    const struct histogram *const h = r->latency.stage[i];
    const bool any = h != NULL && h->count > 0;
    errors[i] = any && STAGE_IS_SAMPLED(i) ? spent[i] * sqrt(histogram_variance(h) / (double)h->count) : 0;
    spent[i] *= any ? histogram_mean(h) : 0;
  }
}

/* The time of refills by stage: how long each stage took, and its share of all refills' time. */
static void print_stages(FILE *out, const struct report *r) {
  const struct model_latency *const l = &r->latency;
  static const char *const names[] = {REFILL_STAGES(STAGE_NAME)}, *const meanings[] = {REFILL_STAGES(STAGE_MEANING)};
  double sum = 0, spent[STAGE_COUNT], errors[STAGE_COUNT];
  char buffer[FORMAT_SIZE];
  estimate_stages(r, spent, errors);
  for (unsigned i = 0; i < STAGE_COUNT; i++) sum += spent[i];
  fprintf(out, "\nStages of a refill (the first three timed in one of %d, the others always)%s\n", STAGE_SAMPLE, l->ticks ? ", in ticks" : "");
  if (sum <= 0) {
    fputs("  none\n", out);
    return;
  }
  struct table *const t = table_create("lRRRRrrrRr");
  table_cell(t, "stage"), add_heads(t), table_cell(t, "p99.9 range"), table_cell(t, "share");
  for (unsigned i = 0; i < STAGE_COUNT; i++) {
    if (l->stage[i] == NULL || l->stage[i]->count == 0) continue;
    table_cell(t, "%s", names[i]);
    add_figures(t, l->stage[i], l->ticks);
    char error[FORMAT_SIZE];
    print_range(t, timed_quantile(STAGE_IS_SAMPLED(i) ? some_timed : all_timed, CLASS_ROWS, l->stage[i], 0.999), l->ticks);
    if (errors[i] > 0) table_cell(t, "%s +-%s", format_percent(buffer, spent[i], sum), format_percent(error, errors[i], sum));
    else table_cell(t, "%s", format_percent(buffer, spent[i], sum));
  }
  table_print(t, out, 2);
  for (unsigned i = 0; i < STAGE_COUNT; i++) {
    if (l->stage[i] == NULL || l->stage[i]->count == 0) continue;
    snprintf(buffer, sizeof(buffer), "  %s: ", names[i]);
    format_wrapped(out, buffer, meanings[i]);
  }
}

void print_latency(FILE *out, const struct page *page) {
  const struct model_latency *const l = &page->main->latency;
  print_calls(out, page);
  print_lookups(out, page);
  print_histograms(out, page, "Drain latency (TLS SLL to slabs)", l->drain, all_timed);
  print_histograms(out, page, "Refill latency (slabs to TLS SLL)", l->refill, all_timed);
  print_stages(out, page->main);
  print_one(out, "Legacy latency (what the legacy path served)", l->legacy, all_timed, l->ticks);
  print_one(out, "Mapping latency (address space from the system)", l->map, all_timed, l->ticks);
}
