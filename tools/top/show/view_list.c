/*
 * view_list.c: the list of processes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "views.h"

static const struct grid_column columns[] = {{"PID", 7, true},  {"STATE", 7, false},  {"CPU%", 6, true}, {"RSS", 8, true},     {"LIVE", 8, true},
                                             {"FREE", 8, true}, {"CALLS/s", 8, true}, {"INC", 4, true},  {"PROGRAM", 0, false}};

const char *view_rate(char *buffer, double rate) {
  static const char *const units[] = {"", " k", " M", " G"};
  unsigned unit = 0;
  for (; rate >= 999.5 && unit < 3; unit++) rate /= 1000;
  snprintf(buffer, FORMAT_SIZE, "%.*f%s", unit == 0 || rate >= 99.95 ? 0 : rate >= 9.995 ? 1 : 2, rate, units[unit]);
  return buffer;
}

void view_list(struct grid *g, const struct processes *all) {
  static const char *const states[] = {[ENTRY_RUNS] = "runs", [ENTRY_STOPPED] = "stopped", [ENTRY_ENDED] = "ended"};
  g->columns = columns;
  g->column_count = sizeof(columns) / sizeof(columns[0]);
  g->empty = all->directory != NULL ? "no process of this run has statistics that can be read"
                                    : "no process of yours runs under hakmem; start one: hakmem run -- PROGRAM";
  for (size_t i = 0; i < all->count; i++) {
    const struct entry *const e = &all->entries[i];
    char buffer[FORMAT_SIZE], *const program = escape(*e->program != '\0' ? e->program : "?");
    struct grid_row *const row = grid_add(g, processes_id(e), e->incidents > 0 ? STYLE_BAD : e->state == ENTRY_ENDED ? STYLE_DIM : STYLE_PLAIN);
    grid_cell(row, 0, -(double)e->pid, "%" PRIu32, e->pid);
    grid_cell(row, 1, 0, "%s", states[e->state]);
    grid_cell(row, 2, e->load, "%.1f", e->load * 100);
    grid_cell(row, 3, (double)e->rss, "%s", format_bytes(buffer, e->rss));
    grid_cell(row, 4, (double)e->live, "%s", format_bytes(buffer, e->live));
    grid_cell(row, 5, (double)e->held, "%s", format_bytes(buffer, e->held));
    grid_cell(row, 6, e->calls_rate, "%s", e->since > 0 ? view_rate(buffer, e->calls_rate) : "-");
    grid_cell(row, 7, (double)e->incidents, "%" PRIu64, e->incidents);
    grid_cell(row, 8, 0, "%s%s", program, e->is_present || e->state == ENTRY_ENDED ? "" : " (as of its file)");
    free(program);
  }
}
