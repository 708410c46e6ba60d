/*
 * print_flight.c: the newest events of processes that ran with the flight recorder. The statistics count these events, too; nothing here is added to them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "report/print.h"

static void add_kind(struct table *t, uint64_t count, const char *what) {
  if (count == 0) return;
  table_cell(t, "%" PRIu64, count);
  table_cell(t, "%s", what);
}

static void print_kinds(FILE *out, const struct model_process *p) {
  const struct stats_counters *const c = &p->counts->counters;
  struct stats_class_counters sum = {0};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const row = &p->counts->cls[cls].counters;
#define ADD_COUNTER(name, text) sum.name += row->name;
    STATS_CLASS_COUNTERS(ADD_COUNTER)
  }
  struct table *const t = table_create("rl");
  add_kind(t, stats_refills(&sum), "refills");
  add_kind(t, stats_drains(&sum), "drains");
  add_kind(t, sum.legacy_calls, "calls that the legacy path served");
  add_kind(t, sum.shared_fail, "shared_fails");
  add_kind(t, c->hdr_reset, "header resets");
  add_kind(t, sum.slab_acquire, "slabs acquired");
  add_kind(t, sum.slab_release, "slabs released");
  add_kind(t, c->superslab_acquire, "SuperSlabs acquired");
  add_kind(t, c->superslab_release, "SuperSlabs released");
  add_kind(t, c->os_map, "mappings made");
  add_kind(t, c->os_unmap, "mappings taken down");
  add_kind(t, c->os_purge, "purges");
  add_kind(t, c->thread_start, "threads begun");
  add_kind(t, c->thread_exit, "threads ended");
  table_print(t, out, 4);
}

static void print_last(FILE *out, const struct page *page, const struct model_process *p) {
  const size_t shown = page->all || p->span_count < PRINT_ROWS ? p->span_count : PRINT_ROWS;
  if (shown == 0) return;
  struct table *const t = table_create("rrlllr");
  table_cell(t, "before the last event"), table_cell(t, "thread"), table_cell(t, "what"), table_cell(t, "class"), table_cell(t, "how"), table_cell(t, "took");
  for (size_t i = p->span_count - shown; i < p->span_count; i++) {
    const struct model_span *const s = &p->spans[i];
    const char *const why = model_span_why(s);
    char before[FORMAT_SIZE], took[FORMAT_SIZE], name[MODEL_CLASS_NAME];
    table_cell(t, "%s", format_ns(before, (double)(p->elapsed_ns - s->end_ns)));
    table_cell(t, "%" PRIu32, s->tid);
    table_cell(t, "%s", model_span_name(s));
    table_cell(t, "%s", s->cls < CLASS_ROWS ? model_class_name(s->cls, name) : "");
    table_cell(t, "%s", why != NULL ? why : "");
    table_cell(t, "%s", format_ns(took, (double)s->duration_ns));
  }
  table_print(t, out, 4);
  print_more(out, page, shown, p->span_count, "earlier one", "earlier ones");
}

/* When the process ended, by its statistics, behind the last event. 0 if that is not known. */
static uint64_t after_last(const struct page *page, const struct model_process *p) {
  const struct model_process *const whole = model_find_process(page->stats, p->host, p->pid);
  const uint64_t last = p->start_realtime_ns + p->elapsed_ns, end = whole != NULL ? whole->start_realtime_ns + whole->elapsed_ns : 0;
  return end > last ? end - last : 0;
}

void print_flight(FILE *out, const struct page *page) {
  const struct report *const r = page->flight;
  if (r == NULL && page->flight_failure == NULL) return;
  fputs("\nFlight recorder: the newest events\n", out);
  if (page->flight_failure != NULL) {
    char *const why = escape(page->flight_failure);
    fprintf(out, "  not read: %s\n", why);
    free(why);
    return;
  }
  fputs("  This is the newest part only. The other sections count all events, these included.\n", out);
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    char *const program = escape(*p->program != '\0' ? p->program : "?"), span[FORMAT_SIZE], after[FORMAT_SIZE];
    const uint64_t rest = after_last(page, p);
    fprintf(out, "\n  %s (%" PRIu32 "): the events of %s", program, p->pid, format_ns(span, (double)p->elapsed_ns));
    if (rest > 0) fprintf(out, ", up to %s before the last statistics", format_ns(after, (double)rest));
    fputs("\n", out);
    free(program);
    print_kinds(out, p);
    print_last(out, page, p);
  }
  if (r->lost.events_discarded > 0)
    fprintf(out, "  %" PRIu64 " more events of this time were not recorded: threads met, or the disk was slow\n", r->lost.events_discarded);
  if (page->flight_left > 0)
    fprintf(out, "\n  %zu more recording%s: hakmem report DIR/PID.flight shows one\n", page->flight_left, page->flight_left == 1 ? "" : "s");
}
