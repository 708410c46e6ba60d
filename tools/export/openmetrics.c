/*
 * openmetrics.c: OpenMetrics 1.0 text. All processes of the input are added up, so that the number of series is bounded: by the table of counters, by the
 * classes, by the octaves of a histogram. Only hakmem_process_info names processes, the first PROCESSES_MAX of them. It is
 * a gauge of 1, because Prometheus does not read the type info.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/memory.h"
#include "histograms.h"

#define PROCESSES_MAX 64

void openmetrics_label(FILE *out, const char *text) {
  char *const valid = escape_invalid_utf8(text);
  for (const char *c = valid; *c != '\0'; c++) {
    if (*c == '\\' || *c == '"') fprintf(out, "\\%c", *c);
    else if (*c == '\n') fputs("\\n", out);
    else if ((unsigned char)*c < 0x20 || *c == 0x7f) fprintf(out, "\\\\x%02x", (unsigned)*c);
    else fputc(*c, out);
  }
  free(valid);
}

void openmetrics_family(FILE *out, const char *name, const char *type, const char *unit, const char *help) {
  fprintf(out, "# TYPE hakmem_%s %s\n", name, type);
  if (unit[0] != '\0') fprintf(out, "# UNIT hakmem_%s %s\n", name, unit);
  fprintf(out, "# HELP hakmem_%s %s.\n", name, help);
}

/* ---- Counters ---- */

static bool ends_with(const char *name, const char *end) {
  const size_t length = strlen(name), tail = strlen(end);
  return length > tail && strcmp(name + length - tail, end) == 0;
}

const char *openmetrics_counter_name(const char *prefix, const char *name, char *full, size_t size) {
  const bool ns = ends_with(name, "_ns");
  snprintf(full, size, "%s%.*s%s", prefix, (int)(strlen(name) - (ns ? 3 : 0)), name, ns ? "_seconds" : "");
  return ns ? "seconds" : ends_with(name, "_bytes") ? "bytes" : "";
}

static void print_counter_family(FILE *out, const char *prefix, const char *name, const char *help, char *full, size_t size) {
  const char *const unit = openmetrics_counter_name(prefix, name, full, size);
  openmetrics_family(out, full, "counter", unit, help);
}

static void print_counter(FILE *out, const char *name, const char *help, uint64_t value) {
  char full[128];
  print_counter_family(out, "", name, help, full, sizeof(full));
  if (ends_with(name, "_ns")) fprintf(out, "hakmem_%s_total %.9f\n", full, (double)value / 1e9);
  else fprintf(out, "hakmem_%s_total %" PRIu64 "\n", full, value);
}

static void print_class_counter(FILE *out, const struct report *r, const char *name, const char *help, size_t offset) {
  char full[128], cls[MODEL_CLASS_NAME];
  print_counter_family(out, "class_", name, help, full, sizeof(full));
  for (uint32_t i = 0; i < CLASS_ROWS; i++) {
    uint64_t value;
    memcpy(&value, (const char *)&r->total->cls[i].counters + offset, sizeof(value));
    if (value > 0) fprintf(out, "hakmem_%s_total{class=\"%s\"} %" PRIu64 "\n", full, model_class_name(i, cls), value);
  }
}

static void print_class_gauge(FILE *out, const struct report *r, const char *name, const char *help, size_t offset) {
  char full[128], cls[MODEL_CLASS_NAME];
  const bool bytes = strcmp(name, "slabs") != 0;
  snprintf(full, sizeof(full), "class_%s%s", name, bytes ? "_bytes" : "");
  openmetrics_family(out, full, "gauge", bytes ? "bytes" : "", help);
  for (uint32_t i = 0; i < CLASS_ROWS; i++) {
    uint64_t value;
    memcpy(&value, (const char *)&r->total->cls[i].gauge + offset, sizeof(value));
    if (value > 0 && value != UNKNOWN) fprintf(out, "hakmem_%s{class=\"%s\"} %" PRIu64 "\n", full, model_class_name(i, cls), value);
  }
}

static void print_counters(FILE *out, const struct report *r) {
  const struct stats_counters *const c = &r->total->counters;
#define PRINT_COUNTER(name, meaning) print_counter(out, #name, meaning, c->name);
  STATS_COUNTERS(PRINT_COUNTER)
#define PRINT_CLASS_COUNTER(name, meaning) print_class_counter(out, r, #name, meaning, offsetof(struct stats_class_counters, name));
  STATS_CLASS_COUNTERS(PRINT_CLASS_COUNTER)
#define PRINT_CLASS_GAUGE(name, meaning) print_class_gauge(out, r, #name, meaning, offsetof(struct model_gauges, name));
  MODEL_GAUGES(PRINT_CLASS_GAUGE)
}

/* ---- Memory ---- */

static uint64_t add(uint64_t sum, uint64_t value) { return value == UNKNOWN ? sum : sum + value; }

static void print_memory_of(FILE *out, const struct report *r) {
  struct stats_buckets sum = {0};
  uint64_t mapped = 0, committed = 0, rss = 0, superslabs = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    superslabs = add(superslabs, p->superslabs_active);
    if (!p->has_buckets) continue;
#define ADD_BUCKET(name, meaning) sum.name = add(sum.name, p->buckets.name);
    STATS_BUCKETS(ADD_BUCKET)
    mapped = add(mapped, p->mapped), committed = add(committed, p->committed), rss = add(rss, p->rss);
  }
  openmetrics_family(out, "memory_bytes", "gauge", "bytes", "Where the memory is, by bucket, as of the last snapshot of each process");
#define PRINT_BUCKET(name, meaning) fprintf(out, "hakmem_memory_bytes{bucket=\"" #name "\"} %" PRIu64 "\n", sum.name);
  STATS_BUCKETS(PRINT_BUCKET)
  openmetrics_family(out, "mapped_bytes", "gauge", "bytes", "Address space of the allocator");
  fprintf(out, "hakmem_mapped_bytes %" PRIu64 "\n", mapped);
  openmetrics_family(out, "committed_bytes", "gauge", "bytes", "Memory of the allocator");
  fprintf(out, "hakmem_committed_bytes %" PRIu64 "\n", committed);
  openmetrics_family(out, "resident_bytes", "gauge", "bytes", "Resident set of the processes, from the kernel");
  fprintf(out, "hakmem_resident_bytes %" PRIu64 "\n", rss);
  openmetrics_family(out, "superslabs", "gauge", "", "SuperSlabs in use");
  fprintf(out, "hakmem_superslabs %" PRIu64 "\n", superslabs);
}

/* ---- Latencies ---- */

/* A boundary for each doubling: le is the upper end of the values below 2^octave, in seconds. */
static void print_series(FILE *out, const char *metric, const struct named_histogram *h, double unit) {
  const size_t buckets = histogram_buckets(h);
  uint64_t below = 0;
  size_t i = 0;
  for (unsigned octave = 4; octave <= HISTOGRAM_VALUE_BITS && i < buckets; octave++) {
    const uint64_t end = (uint64_t)1 << octave;
    for (; i < buckets && histogram_bucket(h, i).to < end; i++) below += histogram_bucket(h, i).count;
    fprintf(out, "hakmem_%s_bucket{kind=\"%s\",class=\"%s\",le=\"%.9g\"} %" PRIu64 "\n", metric, h->kind, h->cls, (double)(end - 1) * unit, below);
  }
  const uint64_t count = histogram_member(h, "count");
  fprintf(out, "hakmem_%s_bucket{kind=\"%s\",class=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", metric, h->kind, h->cls, count);
  fprintf(out, "hakmem_%s_count{kind=\"%s\",class=\"%s\"} %" PRIu64 "\n", metric, h->kind, h->cls, count);
  fprintf(out, "hakmem_%s_sum{kind=\"%s\",class=\"%s\"} %.9g\n", metric, h->kind, h->cls, histogram_mean_of(h) * (double)count * unit);
}

/* The histograms of one unit: whole calls are always in nanoseconds, the rest of a trace may be in ticks. */
static void print_latencies_in(FILE *out, const struct histograms *all, bool ticks) {
  const char *const metric = ticks ? "latency_ticks" : "latency_seconds";
  bool any = false;
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].has_classes || histogram_is_ticks(&all->list[i]) != ticks) continue;
    if (!any) openmetrics_family(out, metric, "histogram", ticks ? "ticks" : "seconds", "How long calls and work of the allocator took, by kind and class");
    any = true;
    print_series(out, metric, &all->list[i], ticks ? 1 : 1e-9);
  }
}

static void print_latencies(FILE *out, const struct page *page) {
  struct histograms all;
  histograms_of_page(&all, page);
  print_latencies_in(out, &all, false);
  print_latencies_in(out, &all, true);
  histograms_free(&all);
}

/* ---- What it is ---- */

static void print_processes_of(FILE *out, const struct report *r) {
  openmetrics_family(out, "processes", "gauge", "", "Processes of which these figures are the sum");
  fprintf(out, "hakmem_processes %zu\n", model_has_merge(r) ? model_process_count(r) : r->process_count);
  openmetrics_family(out, "process_info", "gauge", "", "The first of these processes");
  for (size_t i = 0; i < r->process_count && i < PROCESSES_MAX; i++) {
    fprintf(out, "hakmem_process_info{number=\"%zu\",pid=\"%" PRIu32 "\",program=\"", i + 1, r->processes[i]->pid);
    openmetrics_label(out, r->processes[i]->program);
    fputs("\",version=\"", out);
    openmetrics_label(out, r->processes[i]->version);
    fputs("\"} 1\n", out);
  }
  openmetrics_family(out, "lost", "gauge", "", "What is missing from the data");
  const struct model_losses *const l = &r->lost;
#define PRINT_LOSS(name, meaning) fprintf(out, "hakmem_lost{what=\"" #name "\"} %" PRIu64 "\n", l->name);
  MODEL_LOSSES(PRINT_LOSS)
}

bool export_openmetrics(FILE *out, const struct page *page, const struct export_options *o) {
  (void)o;
  print_processes_of(out, page->main);
  print_counters(out, page->main);
  print_memory_of(out, page->memory);
  print_latencies(out, page);
  fputs("# EOF\n", out);
  return true;
}
