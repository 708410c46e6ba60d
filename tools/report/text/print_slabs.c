/*
 * print_slabs.c: the last map of SuperSlabs and slabs, by class and utilisation. The JSON has all maps (json/json_memory.c).
 */
#include <inttypes.h>
#include <string.h>

#include "common/format.h"
#include "report/print.h"

/* How full slabs are. */
#define STEPS 6
static const char *const step_names[STEPS] = {"0 %", "<=20 %", "<=50 %", "<=80 %", "<100 %", "100 %"};

static unsigned step_of(const struct stats_slab *slab) {
  const unsigned live = slab->live, capacity = slab->capacity;
  return live == 0 ? 0 : live * 5 <= capacity ? 1 : live * 2 <= capacity ? 2 : live * 5 <= capacity * 4 ? 3 : live < capacity ? 4 : 5;
}

struct drawing {
  uint64_t slabs[CLASS_ROWS][STEPS], of_class[CLASS_ROWS];
  uint64_t between;
};

static void add_map(struct drawing *d, const struct stats_map *map) {
  for (uint32_t i = 0; i < map->slab_count; i++) {
    const struct stats_slab *const slab = &map->slab[i];
    if (slab->cls >= CLASS_ROWS) {
      d->between++;
      continue;
    }
    d->of_class[slab->cls]++;
    d->slabs[slab->cls][step_of(slab)]++;
  }
}

static void print_map(FILE *out, const struct page *page, const struct model_process *p) {
  const struct stats_map *const map = p->maps[p->map_count - 1];
  char time[FORMAT_SIZE], name[MODEL_CLASS_NAME];
  struct drawing d;
  memset(&d, 0, sizeof(d));
  add_map(&d, map);
  fprintf(out, "\nSlabs by class and by how many of their blocks are in use: process %" PRIu32 ", after %s\n", p->pid, format_ns(time, (double)map->time_ns));
  struct table *const t = table_create("lrrrrrrr");
  table_cell(t, "class"), table_cell(t, "slabs");
  for (unsigned i = 0; i < STEPS; i++) table_cell(t, "%s", step_names[i]);
  size_t shown = 0, count = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    if (d.of_class[cls] == 0 || (count++ >= PRINT_ROWS && !page->all)) continue;
    shown++;
    table_cell(t, "%s", model_class_name(cls, name));
    table_cell(t, "%" PRIu64, d.of_class[cls]);
    for (unsigned i = 0; i < STEPS; i++) {
      if (d.slabs[cls][i] != 0) table_cell(t, "%" PRIu64, d.slabs[cls][i]);
      else table_cell(t, ".");
    }
  }
  table_print(t, out, 2);
  print_more(out, page, shown, count, "class", "classes");
  fprintf(out, "  %" PRIu32 " SuperSlab%s with %" PRIu32 " slab%s", map->superslabs, map->superslabs == 1 ? "" : "s", map->slabs, map->slabs == 1 ? "" : "s");
  if (map->superslab_count < map->superslabs || map->slab_count < map->slabs) {
    fprintf(out, "; there was no room for %" PRIu32 " SuperSlabs and %" PRIu32 " slabs, which the table lacks", map->superslabs - map->superslab_count,
            map->slabs - map->slab_count);
  }
  if (d.between != 0) fprintf(out, "; %" PRIu64 " run%s of units on the way to or from a slab", d.between, d.between == 1 ? "" : "s");
  fprintf(out, "\n  %zu map%s of other moments: hakmem report --json --section=slabs\n", p->map_count - 1, p->map_count == 2 ? "" : "s");
}

void print_slabs(FILE *out, const struct page *page) {
  const struct report *const r = page->stats;
  if (r == NULL) return;
  const struct model_process *largest = NULL;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (p->map_count == 0 || p->maps[p->map_count - 1]->slab_count == 0) continue;
    if (page->all) print_map(out, page, p);
    if (largest == NULL || p->maps[p->map_count - 1]->slabs > largest->maps[largest->map_count - 1]->slabs) largest = p;
  }
  if (largest != NULL && !page->all) print_map(out, page, largest);
}
