/*
 * print_hosts.c: the hosts of a trace, each by its own clock, and figures grouped by host, program or process.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"

#define SECOND INT64_C(1000000000)
#define LATE_NS (3 * SECOND) /* a relay gets the events of a second at a time, and a busy one is late */

static uint64_t lost_events(const struct model_losses *lost) { return lost->events_discarded; }

/* What the files of a host say of its clock. */
static void clock_cell(struct table *t, const struct model_host *host) {
  char a[FORMAT_SIZE];
  if (!host->has_lag) table_cell(t, "%s", host->is_live ? "read live" : "unknown");
  else if (host->lag_ns < -SECOND) table_cell(t, "%s ahead", format_ns(a, (double)-host->lag_ns));
  else if (host->lag_ns > LATE_NS) table_cell(t, "%s behind, or late", format_ns(a, (double)host->lag_ns));
  else table_cell(t, "agrees");
}

static bool clocks_differ(const struct report *r) {
  bool any = false;
  for (size_t i = 0; i < r->host_count; i++) {
    const struct model_host *const host = r->hosts[i];
    any = any || (host->has_lag && (host->lag_ns < -SECOND || host->lag_ns > LATE_NS));
  }
  return any;
}

static void add_host(struct table *t, const struct report *r, const struct model_host *host) {
  char buffer[MODEL_HOST], a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];
  char *const name = escape(model_host_name(r, host, buffer));
  table_cell(t, "%s", name);
  table_cell(t, "%zu", host->processes);
  table_cell(t, "%zu", host->is_live ? (size_t)0 : host->unended);
  table_cell(t, "%s", format_count(a, host->events));
  table_cell(t, "%s", format_count(b, lost_events(&host->lost)));
  table_cell(t, "%s", format_ns(c, (double)(host->end_ns - host->start_ns)));
  clock_cell(t, host);
  free(name);
}

void print_hosts(FILE *out, const struct page *page) {
  const struct report *const r = page->trace;
  if (r == NULL || (r->host_count < 2 && (r->host_count == 0 || !r->hosts[0]->is_live))) return;
  const size_t shown = page->all || r->host_count < PRINT_ROWS ? r->host_count : PRINT_ROWS;
  bool live = false;
  fputs("\nHosts\n", out);
  struct table *const t = table_create("lrrrRrl");
  static const char *const heads[] = {"host", "processes", "without end", "events", "lost", "traced for", "clock"};
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  for (size_t i = 0; i < r->host_count; i++) {
    live = live || r->hosts[i]->is_live;
    if (i < shown) add_host(t, r, r->hosts[i]);
  }
  table_print(t, out, 2);
  print_more(out, page, shown, r->host_count, "host", "hosts");
  if (live) fputs("  A session that is read live is known only from the moment on when the reading began.\n", out);
  if (r->host_count < 2) return;
  fputs("  The times of each host are by its own clock; no times of two hosts are compared.\n", out);
  if (!clocks_differ(r)) return;
  fputs("  Clocks differ: \"ahead\" is sure, because the newest events of that host have times later than their file. \"Behind\" is so only if nothing was\n"
        "  late: a host that was cut off, a slow network or a copy of the files looks the same.\n",
        out);
}

void print_groups(FILE *out, const struct page *page) {
  if (page->by == GROUP_BY_NOTHING) return;
  size_t count;
  struct group_row *const rows = groups_of(page, &count);
  const size_t shown = page->all || count < PRINT_ROWS ? count : PRINT_ROWS;
  fprintf(out, "\nBy %s\n", group_by_name(page->by));
  struct table *const t = table_create("lrRRrrRRr");
  static const char *const heads[] = {"", "processes", "allocs", "frees", "refills", "drains", "shared_fails", "header resets", "in use at the end"};
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", i == 0 ? group_by_name(page->by) : heads[i]);
  for (size_t i = 0; i < shown; i++) {
    const struct group_row *const row = &rows[i];
    char a[FORMAT_SIZE];
    char *const name = escape(row->name);
    table_cell(t, "%s", name);
    table_cell(t, "%zu", row->processes);
    table_cell(t, "%s", format_count(a, row->allocs));
    table_cell(t, "%s", format_count(a, row->frees));
    table_cell(t, "%s", format_count(a, row->refills));
    table_cell(t, "%s", format_count(a, row->drains));
    table_cell(t, "%s", format_count(a, row->shared_fails));
    table_cell(t, "%s", format_count(a, row->hdr_resets));
    table_cell(t, "%s", format_bytes(a, row->allocated));
    free(name);
  }
  table_print(t, out, 2);
  print_more(out, page, shown, count, "row", "rows");
  groups_free(rows, count);
}
