/*
 * print_slabs.c: the maps of SuperSlabs and slabs: as text the last one, by class and utilisation; as JSON all of them.
 */
#include <inttypes.h>
#include <string.h>

#include "common/format.h"
#include "json_figures.h"
#include "print.h"

/* How full slabs are. */
#define STEPS 6
static const char *const step_names[STEPS] = {"0 %", "to 20 %", "to 50 %", "to 80 %", "under 100 %", "100 %"};

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
  print_more(out, page, shown, count, "classes");
  fprintf(out, "  %" PRIu32 " SuperSlabs with %" PRIu32 " slabs", map->superslabs, map->slabs);
  if (map->superslab_count < map->superslabs || map->slab_count < map->slabs) {
    fprintf(out, "; there was no room for %" PRIu32 " SuperSlabs and %" PRIu32 " slabs, which the table lacks", map->superslabs - map->superslab_count,
            map->slabs - map->slab_count);
  }
  if (d.between != 0) fprintf(out, "; %" PRIu64 " runs of units on their way to or from a slab", d.between);
  fprintf(out, "\n  %zu maps of other moments: hakmem report --json --section=slabs\n", p->map_count - 1);
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

/* ---- JSON ---- */

static json_t *json_slab(const struct stats_slab *s) {
  char name[MODEL_CLASS_NAME];
  const char *const class = s->cls < CLASS_ROWS ? model_class_name(s->cls, name) : "none";
  return json_pack("[i, i, i, s, i, i, I]", (int)s->superslab, (int)s->unit, (int)s->units, class, (int)s->live, (int)s->capacity, (json_int_t)s->idle_ms);
}

json_t *json_slab_maps(const struct model_process *p) {
  json_t *const maps = json_array();
  for (size_t i = 0; i < p->map_count; i++) {
    const struct stats_map *const map = p->maps[i];
    json_t *const object = json_object(), *const bases = json_array(), *const slabs = json_array();
    for (uint32_t k = 0; k < map->superslab_count; k++) json_array_append_new(bases, address(map->base[k]));
    for (uint32_t k = 0; k < map->slab_count; k++) json_array_append_new(slabs, json_slab(&map->slab[k]));
    set(object, "time_ns", number(map->time_ns));
    set(object, "superslabs_missing", number(map->superslabs - map->superslab_count));
    set(object, "slabs_missing", number(map->slabs - map->slab_count));
    set(object, "superslabs", bases);
    set(object, "slabs", slabs);
    json_array_append_new(maps, object);
  }
  return maps;
}
