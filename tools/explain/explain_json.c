/*
 * explain_json.c: the diagnosis as JSON.
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/format.h"
#include "explain.h"

static void set(json_t *object, const char *name, json_t *value) { json_object_set_new(object, name, value); }

static json_t *text(const char *value) {
  if (value == NULL) return json_null();
  char *const valid = escape_invalid_utf8(value);
  json_t *const string = json_string(valid);
  free(valid);
  return string;
}

/* Whole numbers become JSON integers. */
static json_t *number(double value) {
  return value >= 0 && value < 9e15 && value == (double)(json_int_t)value ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *cost(const struct finding *f) {
  if (f->unit == COST_NONE) return json_null();
  json_t *const object = json_object();
  set(object, "unit", json_string(f->unit == COST_NS ? "ns" : "bytes"));
  set(object, "value", number((double)whole_number(f->cost)));
  set(object, "mean", json_boolean(f->cost_is_mean));
  set(object, "share", f->whole > 0 ? json_real(f->cost / f->whole) : json_null());
  return object;
}

static json_t *remedies(const struct finding *f) {
  json_t *const array = json_array();
  for (size_t i = 0; i < f->remedy_count; i++) {
    const struct remedy *const r = &f->remedies[i];
    json_t *const object = json_object();
    set(object, "option", text(r->option));
    set(object, "value", text(r->value));
    set(object, "what", text(r->what));
    set(object, "effect", text(r->effect));
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *finding(const struct finding *f) {
  static const char *const kinds[] = {
    [FINDING_DATA] = "data", [FINDING_ERROR] = "error", [FINDING_END] = "data", [FINDING_COST] = "cost", [FINDING_NOTE] = "note"};
  json_t *const object = json_object(), *const evidence = json_array(), *const figures = json_object();
  set(object, "rule", json_string(f->rule));
  set(object, "kind", json_string(kinds[f->kind]));
  set(object, "what", text(f->what));
  set(object, "pid", f->p != NULL && f->p->merge == NULL ? json_integer(f->p->pid) : json_null());
  set(object, "program", f->p != NULL ? text(f->p->program) : json_null());
  set(object, "other_processes", json_integer((json_int_t)f->others));
  set(object, "cost", cost(f));
  set(object, "others_cost", f->unit != COST_NONE ? number((double)whole_number(f->others_cost)) : json_null());
  for (size_t i = 0; i < f->evidence_count; i++) json_array_append_new(evidence, text(f->evidence[i]));
  set(object, "evidence", evidence);
  for (size_t i = 0; i < f->figure_count; i++) set(figures, f->figures[i].name, number(f->figures[i].value));
  set(object, "figures", figures);
  set(object, "remedies", remedies(f));
  return object;
}

/* The processes that still run, and of which moment their figures are. */
static json_t *alive(const struct report *r) {
  json_t *const array = json_array();
  for (size_t i = 0; r->source == SOURCE_STATS && i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (!model_is_alive(p)) continue;
    json_t *const object = json_object();
    set(object, "pid", json_integer(p->pid));
    set(object, "read_from", json_string(p->is_present ? "memory" : "file"));
    set(object, "age_ns", number(p->is_present ? 0 : (double)p->age_ns));
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *look(const struct look *l) {
  json_t *const object = json_object();
  set(object, "rule", json_string(l->rule));
  set(object, "meaning", json_string(l->meaning));
  set(object, "why_not", text(l->why_not));
  return object;
}

json_t *json_of_diagnosis(const struct diagnosis *d) {
  json_t *const root = json_object(), *const findings = json_array(), *const looked = json_array(), *const limits = json_object();
  set(root, "schema", json_integer(EXPLAIN_SCHEMA));
  set(root, "path", text(d->page->path));
  set(root, "source", json_string(d->r->source == SOURCE_STATS ? "stats" : "trace"));
  set(root, "processes", json_integer((json_int_t)(model_has_merge(d->r) ? model_process_count(d->r) : d->r->process_count)));
  set(root, "time_ns", number(d->time_ns));
  set(root, "alive", alive(d->r));
  for (size_t i = 0; i < d->finding_count; i++) json_array_append_new(findings, finding(d->findings[i]));
  set(root, "findings", findings);
  for (size_t i = 0; i < d->look_count; i++) json_array_append_new(looked, look(&d->looks[i]));
  set(root, "looked_for", looked);
#define SET_THRESHOLD(name, value, unit, why) set(limits, #name, number(threshold.name));
  EXPLAIN_THRESHOLDS(SET_THRESHOLD)
  set(root, "thresholds", limits);
  return root;
}

bool explain_json(FILE *out, const struct diagnosis *d) {
  json_t *const root = json_of_diagnosis(d);
  const int code = json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
  json_decref(root);
  if (code == 0) fputc('\n', out);
  return code == 0 || fail("cannot write the JSON text");
}
