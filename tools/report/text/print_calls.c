/*
 * print_calls.c: how long whole calls of malloc and its family took: by kind, by class, and the longest with what each stage took.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"

#define CALLS_SHOWN 5

/* ---- By kind. ---- */

/* "12345", or "12345 +-67" if the number is an estimate. */
static void add_count(struct table *t, uint64_t count, double error) {
  if (error < 0.5) table_cell(t, "%" PRIu64, count);
  else table_cell(t, "%" PRIu64 " +-%.0f", count, error);
}

static void add_times(struct table *t, const struct histogram *h) {
  static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
  char buffer[FORMAT_SIZE];
  table_cell(t, "%s", format_ns(buffer, histogram_mean(h)));
  for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
    table_cell(t, "%s", format_ns(buffer, (double)histogram_quantile(h, quantiles[i])));
  }
  table_cell(t, "%s", format_ns(buffer, (double)h->max));
}

/* The kinds of which some calls were sampled. */
static void print_errors(FILE *out, const struct model_calls *calls) {
  static const char *const heads[] = {"kind", "share", "p50", "p90", "p99", "p99.9"};
  static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
  struct table *const t = table_create("lrrRrr");
  char share[FORMAT_SIZE];
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  for (unsigned kind = 0; kind <= CALL_KIND_COUNT; kind++) {
    double error;
    calls_time(calls, kind, &error);
    struct histogram *const h = error > 0 ? calls_merged(calls, kind) : NULL;
    if (h == NULL) continue;
    table_cell(t, "%s", kind < CALL_KIND_COUNT ? model_call_kind(kind) : "together");
    table_cell(t, "+-%s", format_percent(share, error, (double)calls->elapsed_ns));
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
      print_range(t, timed_quantile((struct timed){TIMED_CALLS, calls, kind}, CLASS_ROWS, h, quantiles[i]), false);
    free(h);
  }
  fputs("\nStandard errors of these, one to each side (see hakmem-json(5))\n", out);
  table_print(t, out, 2);
}

static void print_kinds(FILE *out, const struct model_calls *calls) {
  static const char *const heads[] = {"kind", "share", "count", "mean", "p50", "p90", "p99", "p99.9", "max"};
  const double whole = (double)calls->elapsed_ns;
  char share[FORMAT_SIZE];
  struct table *const t = table_create("lRrRRRrrr");
  uint64_t all = 0, exact = 0;
  double moves_error = 0;
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    double error;
    const uint64_t count = calls_count(calls, kind, &error);
    struct histogram *const h = calls_merged(calls, kind);
    all += count;
    if (kind == CALL_realloc) moves_error = error;
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) exact += calls->timed[kind][cls];
    if (h == NULL) continue;
    table_cell(t, "%s", model_call_kind(kind));
    table_cell(t, "%s", format_percent(share, (double)h->sum, whole));
    add_count(t, count, error);
    add_times(t, h);
    free(h);
  }
  struct histogram *const h = calls_merged(calls, CALL_KIND_COUNT);
  if (h != NULL) {
    table_cell(t, "together");
    table_cell(t, "%s", format_percent(share, (double)h->sum, whole));
    add_count(t, all, moves_error); /* a realloc that moves its block is one call, and takes and frees a block: both are exact */
    add_times(t, h);
  }
  free(h);
  table_print(t, out, 2);
  fprintf(out, "  share: at most, by the time of the run; a call that is timed takes longer; of several threads it may be above 100 %%\n");
  fprintf(out, "  %" PRIu64 " calls were timed exactly, the others by sample (see libhakmem(7))\n", exact);
  const uint64_t untimed = calls_untimed(calls, CALL_KIND_COUNT);
  if (untimed > 0)
    fprintf(out, "  %" PRIu64 " calls are in no column of times, because no call like them was timed: the times may be those of slow calls\n", untimed);
  double error;
  calls_time(calls, CALL_KIND_COUNT, &error);
  if (error > 0) print_errors(out, calls);
}

/* ---- The longest. ---- */

struct listed {
  const struct model_process *p;
  size_t i;
};

static int by_length(const void *a, const void *b) {
  const struct listed *const x = a, *const y = b;
  const uint64_t first = x->p->calls[x->i].ns, second = y->p->calls[y->i].ns;
  return first < second ? 1 : first > second ? -1 : 0;
}

static void print_stages(FILE *out, const struct stats_call *call) {
  char time[FORMAT_SIZE];
  uint64_t rest = call->ns;
  const char *before = "    ";
  for (unsigned stage = 0; stage < CALL_STAGE_COUNT; stage++) {
    if (call->stage[stage] == 0) continue;
    fprintf(out, "%s%s %s", before, model_call_stage(stage), format_ns(time, (double)call->stage[stage]));
    rest -= call->stage[stage] < rest ? call->stage[stage] : rest;
    before = ", ";
  }
  fprintf(out, "%srest %s\n", before, format_ns(time, (double)rest));
}

static void print_longest(FILE *out, const struct page *page, const struct report *r) {
  struct listed *list = NULL;
  size_t count = 0, capacity = 0;
  for (size_t k = 0; k < r->process_count; k++) {
    for (size_t i = 0; i < r->processes[k]->call_count; i++) {
      list = must_grow(list, count, &capacity, sizeof(*list));
      list[count++] = (struct listed){r->processes[k], i};
    }
  }
  if (count == 0) return;
  qsort(list, count, sizeof(*list), by_length);
  const size_t shown = page->all || count < CALLS_SHOWN ? count : CALLS_SHOWN;
  fputs("\nLongest calls, and what they spent their time on\n"
        "  (refill and drain: moving blocks; system: mapping, unmapping, purging; lock: waiting until a lock is free; "
        "statistics: writing the file; rest: all else. Page faults, and time in which others had the processor, are in the part in which they came)\n",
        out);
  for (size_t n = 0; n < shown; n++) {
    const struct model_process *const p = list[n].p;
    const struct stats_call *const call = &p->calls[list[n].i];
    char time[FORMAT_SIZE], when[FORMAT_SIZE], size[FORMAT_SIZE], name[MODEL_CLASS_NAME];
    fprintf(out, "  %s in %s, class %s", format_ns(time, (double)call->ns), model_call_kind(call->kind), model_class_name(call->cls, name));
    if (call->size != 0) fprintf(out, ", %s", format_bytes(size, call->size));
    fprintf(out, "; after %s, process %" PRIu32 ", thread %" PRIu32 "\n", format_ns(when, (double)call->time_ns), p->pid, call->tid);
    print_stages(out, call);
    if (call->ns >= STATS_CALL_STACK_NS) print_stack_of(out, page, p, call->frame_count > 0 ? MODEL_CALL_STACK(list[n].i) : 0);
  }
  print_more(out, page, shown, count, "call", "calls");
  free(list);
}

void print_calls(FILE *out, const struct page *page) {
  const struct report *const r = page->stats != NULL && page->stats->calls.known ? page->stats : NULL;
  if (r == NULL) return;
  fprintf(out, "\nCalls of malloc and its family\n");
  struct histogram *const all = calls_merged(&r->calls, CALL_KIND_COUNT);
  if (all == NULL) {
    fputs("  none\n", out);
    return;
  }
  free(all);
  print_kinds(out, &r->calls);
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    struct histogram *const h = calls_merged(&r->calls, kind);
    if (h == NULL) continue;
    free(h);
    char *const title = must_print("Latency of %s", model_call_kind(kind));
    print_histograms(out, page, title, r->calls.times[kind], (struct timed){TIMED_CALLS, &r->calls, kind});
    free(title);
  }
  print_longest(out, page, r);
}
