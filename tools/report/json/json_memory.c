/*
 * json_memory.c: the memory of a process as JSON: where it is, over time, and the maps of its slabs.
 */
#include <string.h>

#include "json_process.h"

json_t *json_timeline(const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const from = &p->timeline[i];
    json_t *const object = json_object();
#define MOMENT_MEMBERS(M) M(time_ns, "") M(requested, "") M(requested_variance, "") M(allocated, "") M(active, "") M(committed, "") M(mapped, "") M(rss, "")
    MOMENT_MEMBERS(SET_MEMBER)
    set(object, "buckets", p->timeline_has_buckets ? json_of_buckets(&from->buckets) : json_null());
    json_array_append_new(array, object);
  }
  return array;
}

/* What happened from one column to the next; the counts may have gone round. */
static json_t *heat_column(uint64_t from_ns, uint64_t to_ns, const struct stats_heat_counts *before, const struct stats_heat_counts *after) {
  json_t *const column = json_object(), *const counts = json_object();
  set(column, "from_ns", number(from_ns));
  set(column, "to_ns", number(to_ns));
#define SET_HEAT(kind, text) \
  json_t *const kind##_counts = json_array(); \
  for (unsigned row = 0; row < STATS_HEAT_ROWS; row++) { \
    json_array_append_new(kind##_counts, number((uint32_t)(after->count[HEAT_##kind][row] - before->count[HEAT_##kind][row]))); \
  } \
  set(counts, #kind, kind##_counts);
  STATS_HEAT_KINDS(SET_HEAT)
  set(column, "counts", counts);
  return column;
}

json_t *json_heat(const struct model_process *p) {
  const struct stats_heat *const h = p->heat;
  json_t *const object = json_object(), *const from = json_array(), *const columns = json_array();
  const struct stats_heat_counts none = {0}, *before = &none;
  uint64_t from_ns = 0;
  for (unsigned row = 0; row < STATS_HEAT_ROWS; row++) json_array_append_new(from, number(row == 0 ? 0 : (uint64_t)1 << (row - 1)));
  for (uint32_t i = 0; i < h->length; i++) {
    json_array_append_new(columns, heat_column(from_ns, h->column[i].time_ns, before, &h->column[i].counts));
    before = &h->column[i].counts;
    from_ns = h->column[i].time_ns;
  }
  if (memcmp(before, &h->now, sizeof(*before)) != 0) json_array_append_new(columns, heat_column(from_ns, p->elapsed_ns, before, &h->now));
  set(object, "from", from);
  set(object, "columns", columns);
  return object;
}

static json_t *threads(const struct stats_threads *from) {
  json_t *const object = json_object(), *const rows = json_array();
  for (unsigned i = 0; i < STATS_THREADS && from->row[i].bytes > 0; i++) {
    const struct stats_thread *const t = &from->row[i];
    json_t *const row = json_object();
    set(row, "tid", t->tid != 0 ? number(t->tid) : json_null());
    set(row, "name", text(t->name));
    set(row, "bytes", number(t->bytes));
    set(row, "idle_ms", number(t->idle_ms));
    json_array_append_new(rows, row);
  }
  set(object, "count", number(from->count));
  set(object, "largest", rows);
  return object;
}

static json_t *mappings(const struct stats_mapping *from) {
  json_t *const array = json_array();
  for (unsigned i = 0; i < STATS_MAPPINGS && from[i].name[0] != '\0'; i++) {
    json_t *const object = json_object();
    set(object, "name", text(from[i].name));
    set(object, "resident", number(from[i].resident));
    json_array_append_new(array, object);
  }
  return array;
}

json_t *json_memory(const struct model_process *p) {
  uint64_t sum = 0;
  json_t *const memory = json_object();
#define SUM_MEMBER(name, meaning) sum += p->buckets.name;
  STATS_BUCKETS(SUM_MEMBER)
  set(memory, "buckets", json_of_buckets(&p->buckets));
  set(memory, "committed", number(p->committed));
  set(memory, "untouched", number(p->has_untouched ? p->untouched : UNKNOWN));
  set(memory, "snapshot_ns", number(p->snapshot_ns != 0 ? p->snapshot_ns : UNKNOWN));
  set(memory, "mapped", number(p->mapped));
  set(memory, "rss", number(p->rss));
  set(memory, "rss_files", number(p->rss_files));
  if (p->idlest.time_ns > 0) {
    json_t *const idlest = json_object();
    set(idlest, "time_ns", number(p->idlest.time_ns));
    set(idlest, "idle", number(p->idlest.idle));
    set(idlest, "allocated", number(p->idlest.allocated));
    set(idlest, "rss", number(p->idlest.rss));
    set(idlest, "buckets", json_of_buckets(&p->idlest.buckets));
    set(memory, "idlest", idlest);
  }
  set(memory, "threads", threads(&p->threads));
  set(memory, "mappings", mappings(p->mappings));
  set(memory, "residual", p->has_untouched ? json_integer((json_int_t)(p->rss - (sum - p->untouched))) : json_null());
  return memory;
}

/* ---- Maps of slabs ---- */

static json_t *json_slab(const struct stats_slab *s) {
  char name[MODEL_CLASS_NAME];
  const char *const class = s->cls < CLASS_ROWS ? model_class_name(s->cls, name) : "none";
  return json_pack("[i, i, i, s, i, i, I, I, i, i]", (int)s->superslab, (int)s->unit, (int)s->units, class, (int)s->live, (int)s->capacity,
                   (json_int_t)s->idle_ms, (json_int_t)s->stack, (int)s->stack_samples, (int)s->samples);
}

json_t *json_slab_maps(const struct model_process *p) {
  json_t *const maps = json_array();
  for (size_t i = 0; i < p->map_count; i++) {
    const struct stats_map *const map = p->maps[i];
    json_t *const object = json_object(), *const bases = json_array(), *const slabs = json_array();
    for (uint32_t k = 0; k < map->superslab_count; k++) json_array_append_new(bases, address(map->base[k]));
    for (uint32_t k = 0; k < map->slab_count; k++) json_array_append_new(slabs, json_slab(&map->slab[k]));
    set(object, "time_ns", number(map->time_ns));
    set(object, "sampled_ns", map->sampled_ns != 0 ? number(map->sampled_ns) : json_null());
    set(object, "superslabs_missing", number(map->superslabs - map->superslab_count));
    set(object, "slabs_missing", number(map->slabs - map->slab_count));
    set(object, "superslabs", bases);
    set(object, "slabs", slabs);
    json_array_append_new(maps, object);
  }
  return maps;
}
