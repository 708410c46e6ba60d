/*
 * groups.c: --by: the processes of a page, grouped by host, program or process.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "print.h"

#define NAME_OF(constant, name) [GROUP_BY_##constant] = name,
static const char *const names[] = {[GROUP_BY_NOTHING] = "", GROUPINGS(NAME_OF)};
#define NAMES (sizeof(names) / sizeof(names[0]))

bool group_by_read(const char *name, enum group_by *by) {
  for (size_t i = GROUP_BY_NOTHING + 1; i < NAMES; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *by = (enum group_by)i;
    return true;
  }
  return false;
}

const char *group_by_name(enum group_by by) { return names[by]; }

/* A process's key; the caller frees it. A report of one host does not repeat its name. */
static char *name_of(const struct report *r, const struct model_process *p, enum group_by by) {
  char buffer[MODEL_HOST];
  const char *const host = model_host_name(r, p->host, buffer), *const program = *p->program != '\0' ? p->program : "?";
  if (by == GROUP_BY_HOST) return must_copy(host);
  if (by == GROUP_BY_PROGRAM) return must_copy(program);
  if (r->host_count > 1) return must_print("%s %" PRIu32 " %s", host, p->pid, program);
  return must_print("%" PRIu32 " %s", p->pid, program);
}

static void add(struct group_row *row, const struct report *r, const struct model_process *p) {
  row->processes++;
  if (r->source == SOURCE_STATS) {
    row->allocs += model_sum_allocs(p->counts);
    row->frees += model_sum_frees(p->counts);
  } else {
    row->allocs = row->frees = UNKNOWN;
  }
  row->hdr_resets += p->counts->counters.hdr_reset;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct model_class *const c = &p->counts->cls[cls];
    row->refills += stats_refills(&c->counters);
    row->drains += stats_drains(&c->counters);
    row->shared_fails += c->counters.shared_fail;
    row->allocated += c->gauge.allocated;
  }
}

static int by_memory(const void *a, const void *b) {
  const struct group_row *const x = a, *const y = b;
  return x->allocated != y->allocated ? (x->allocated < y->allocated ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_key(const void *a, const void *b) { return strcmp(((const struct group_row *)a)->name, ((const struct group_row *)b)->name); }

/* One row for each process, sorted by name, then equal names become one. */
struct group_row *groups_of(const struct page *page, size_t *count) {
  const struct report *const r = page->memory;
  struct group_row *const rows = must_allocate((r->process_count + 1) * sizeof(*rows));
  for (size_t i = 0; i < r->process_count; i++) {
    rows[i] = (struct group_row){.name = name_of(r, r->processes[i], page->by)};
    add(&rows[i], r, r->processes[i]);
  }
  qsort(rows, r->process_count, sizeof(*rows), by_key);
  *count = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    if (*count == 0 || strcmp(rows[*count - 1].name, rows[i].name) != 0) {
      rows[(*count)++] = rows[i];
      continue;
    }
    struct group_row *const into = &rows[*count - 1];
    into->processes++;
#define ADD_FIGURE(figure) into->figure = into->figure == UNKNOWN ? UNKNOWN : into->figure + rows[i].figure;
    GROUP_FIGURES(ADD_FIGURE)
    free(rows[i].name);
  }
  qsort(rows, *count, sizeof(*rows), by_memory);
  return rows;
}

void groups_free(struct group_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) free(rows[i].name);
  free(rows);
}
