/*
 * view_sessions.c: sessions at a relay: their hosts, each by its own clock, and a table of hosts, programs or processes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "views.h"

#define SECOND INT64_C(1000000000)

/* The newest event of a host has this age by the clock of this machine. If it has not happened yet, the clock of the host is ahead. */
static char *clock_text(const struct model_host *host) {
  char time[FORMAT_SIZE];
  if (!host->has_lag) return must_copy("no event yet");
  if (host->lag_ns < -SECOND) return must_print("clock %s ahead of this one", format_ns(time, (double)-host->lag_ns));
  return must_print("newest event %s ago", format_ns(time, (double)(host->lag_ns > 0 ? host->lag_ns : 0)));
}

static void add_host(struct screen *s, const struct report *r, const struct model_host *host) {
  char buffer[MODEL_HOST], events[FORMAT_SIZE], lost[FORMAT_SIZE];
  char *const name = escape(model_host_name(r, host, buffer)), *const clock = clock_text(host);
  const bool has_lost = host->lost.events_discarded + host->lost.packets_discarded + host->lost.discards_uncounted > 0;
  char *const text = must_print(" %-16s %s   %zu of %zu processes run   %s events, %s lost   %s", name, host->is_live ? "live " : "ended",
                                host->is_live ? host->unended : (size_t)0, host->processes, format_count(events, host->events),
                                format_count(lost, host->lost.events_discarded), clock);
  char *const line = screen_fit(text, s->width, false);
  screen_row(s, "%c%s", has_lost ? STYLE_BAD : host->is_live ? STYLE_PLAIN : STYLE_DIM, line);
  free(line);
  free(text);
  free(clock);
  free(name);
}

void view_sessions_hosts(struct screen *s, const struct sessions *all, size_t most) {
  const struct report *const r = all->page.trace;
  const size_t shown = r->host_count <= most ? r->host_count : most - 1;
  for (size_t i = 0; i < shown; i++) add_host(s, r, r->hosts[i]);
  if (shown < r->host_count) screen_row(s, DIM " and %zu more host%s; --batch 1 shows all", r->host_count - shown, r->host_count - shown == 1 ? "" : "s");
}

static uint64_t id_of(const char *name) { /* FNV-1a */
  uint64_t id = UINT64_C(0xcbf29ce484222325);
  for (; *name != '\0'; name++) id = (id ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
  return id == GRID_NONE ? 0 : id;
}

static void rate_cell(struct grid_row *row, size_t column, const struct session_row *from, double rate) {
  char buffer[FORMAT_SIZE];
  grid_cell(row, column, rate, "%s", from->has_rates ? view_rate(buffer, rate) : "-");
}

#define SESSION_COLUMNS(title) \
  { \
    {"PROC", 5, true}, {"REFILL/s", 9, true}, {"DRAIN/s", 9, true}, {"REFILLS", 9, true}, {"DRAINS", 9, true}, {"IN USE", 9, true}, {"INC", 5, true}, { \
      title, 0, false \
    } \
  }

void view_sessions(struct grid *g, const struct sessions *all) {
  static const struct grid_column columns[][8] = {
    [GROUP_BY_HOST] = SESSION_COLUMNS("HOST"), [GROUP_BY_PROGRAM] = SESSION_COLUMNS("PROGRAM"), [GROUP_BY_PROCESS] = SESSION_COLUMNS("PROCESS")};
  g->columns = columns[all->by];
  g->column_count = sizeof(columns[0]) / sizeof(columns[0][0]);
  g->empty = "no event of hakmem has arrived yet";
  for (size_t i = 0; i < all->count; i++) {
    const struct session_row *const one = &all->rows[i];
    const uint64_t incidents = one->f.shared_fails + one->f.hdr_resets;
    char buffer[FORMAT_SIZE], *const name = escape(one->f.name);
    struct grid_row *const row = grid_add(g, id_of(one->f.name), incidents > 0 ? STYLE_BAD : STYLE_PLAIN);
    grid_cell(row, 0, (double)one->f.processes, "%zu", one->f.processes);
    rate_cell(row, 1, one, one->refills_rate);
    rate_cell(row, 2, one, one->drains_rate);
    grid_cell(row, 3, (double)one->f.refills, "%" PRIu64, one->f.refills);
    grid_cell(row, 4, (double)one->f.drains, "%" PRIu64, one->f.drains);
    grid_cell(row, 5, (double)one->f.allocated, "%s", format_bytes(buffer, one->f.allocated));
    grid_cell(row, 6, (double)incidents, "%" PRIu64, incidents);
    grid_cell(row, 7, 0, "%s", name);
    free(name);
  }
}
