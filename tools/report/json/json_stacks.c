/*
 * json_stacks.c: what a process has with stacks: incidents, leaks, the longest calls, call sites.
 */
#include <stdlib.h>
#include <string.h>

#include "json_process.h"
#include "model/demangle.h"
#include "model/symbolize.h"

static json_t *symbol_object(const struct symbol *symbol, uint64_t at) {
  json_t *const object = json_object();
  set(object, "address", address(at));
  char *const function = symbol->function != NULL ? demangle(symbol->function) : NULL;
  set(object, "function", text(function));
  free(function);
  set(object, "file", text(symbol->file));
  set(object, "line", symbol->file != NULL ? json_integer(symbol->line) : json_null());
  set(object, "inlined", json_boolean(symbol->inlined));
  set(object, "module", text(symbol->module));
  set(object, "module_replaced", json_boolean(symbol->replaced));
  set(object, "offset", symbol->module != NULL ? address(symbol->offset) : json_null());
  return object;
}

static json_t *frames_of(const struct report *r, const struct model_process *owner, const struct model_stack *found) {
  json_t *const frames = json_array();
  struct symbolizer *const symbolizer = symbolizer_create(r, owner);
  for (uint32_t i = 0; i < found->frame_count; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const size_t count = symbolize(symbolizer, found->frames[i], found->epoch, true, symbols);
    for (size_t k = 0; k < count; k++) json_array_append_new(frames, symbol_object(&symbols[k], found->frames[i]));
  }
  symbolizer_destroy(symbolizer);
  return frames;
}

/* Fields of incidents that have another place in the JSON (set_past, incident), or none. */
static bool is_elsewhere(const char *field) {
  static const char *const fields[] = {"cls",          "stack",       "count",       "slab",        "good_thread", "good_ago_ms", "alloc_thread",
                                       "alloc_ago_ms", "alloc_stack", "free_thread", "free_ago_ms", "free_stack",  "left_stack"};
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    if (strcmp(field, fields[i]) == 0) return true;
  }
  return false;
}

static void set_field(json_t *object, const char *field, json_t *value) {
  if (is_elsewhere(field)) json_decref(value);
  else set(object, field, value);
}

#define F_PTR(f) set_field(object, #f, address((uintptr_t)e->f));
#define F_U32(f) set_field(object, #f, json_integer(e->f));
#define F_U64(f) set_field(object, #f, number(e->f));
#define F_BYTES(f) F_U64(f)
#define F_BYTE(f) F_U32(f)
#define F_CLS(f) set_field(object, #f, json_string(model_class_name(e->f, name)));
#define F_ENUM(f, of) set_field(object, #f, json_string(model_##of##_name(e->f)));

static void set_unknown(json_t *object, const char *field, bool unknown) {
  if (unknown) set(object, field, json_null());
}

static void set_hdr_reset(json_t *object, const struct event_hdr_reset *e) {
  char name[MODEL_CLASS_NAME];
  FIELDS_hdr_reset set_unknown(object, "got", e->got == e->expect);
  set_unknown(object, "expect", e->got == e->expect);
  set_unknown(object, "told", e->verdict != HDR_WRONG_SIZE);
  set_unknown(object, "size", e->size == 0);
  set_unknown(object, "checked_ago", e->checked_ago == 0);
  set_unknown(object, "word", e->verdict != HDR_OVERWRITTEN_LINK);
  set_unknown(object, "access", e->way == ACCESS_UNSEEN);
  set_unknown(object, "made", e->made == FAMILY_UNKNOWN);
  set_unknown(object, "given", e->given == FAMILY_UNKNOWN);
}

static void set_shared_fail(json_t *object, const struct event_shared_fail *e) {
  char name[MODEL_CLASS_NAME];
  FIELDS_shared_fail
}

static json_t *incident(const struct stats_incident *i) {
  const struct stats_incident_key key = stats_incident_key(i);
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(key.cls, name)));
  set(object, "count", number(i->count));
  set(object, "time_ns", number(i->time_ns));
  set(object, "kind", json_string(i->kind == INCIDENT_HDR_RESET ? "hdr_reset" : "shared_fail"));
  if (i->kind == INCIDENT_HDR_RESET) set_hdr_reset(object, &i->hdr_reset);
  else set_shared_fail(object, &i->shared_fail);
  return object;
}

/* An action of a thread before an incident; null if it is unknown. */
static json_t *moment_before(uint32_t thread, uint64_t ago_ms) {
  if (thread == 0) return json_null();
  json_t *const object = json_object();
  set(object, "thread", json_integer(thread));
  set(object, "ago_ms", number(ago_ms));
  return object;
}

static json_t *with_stack(json_t *object, const struct report *r, const struct model_process *p, uint32_t id) {
  if (!json_is_object(object)) return object;
  const struct model_process *owner;
  const struct model_stack *const found = model_stack_of(r, NULL, p, id, &owner);
  set(object, "stack_id", json_integer(id));
  set(object, "stack", found != NULL ? frames_of(r, owner, found) : json_null());
  set(object, "stack_cut", found != NULL ? json_boolean(found->is_cut) : json_null());
  return object;
}

static void set_past(json_t *object, const struct report *r, const struct model_process *p, const struct event_hdr_reset *e) {
  set(object, "last_good", moment_before(e->good_thread, e->good_ago_ms));
  set(object, "allocated", with_stack(moment_before(e->alloc_thread, e->alloc_ago_ms), r, p, e->alloc_stack));
  set(object, "freed", with_stack(moment_before(e->free_thread, e->free_ago_ms), r, p, e->free_stack));
  set(object, "left_allocated", e->left_stack != 0 ? with_stack(json_object(), r, p, e->left_stack) : json_null());
}

json_t *json_incidents(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; p->merge == NULL && i < p->incident_count; i++) {
    json_t *const object = with_stack(incident(&p->incidents[i]), r, p, stats_incident_key(&p->incidents[i]).stack);
    if (p->incidents[i].kind == INCIDENT_HDR_RESET) set_past(object, r, p, &p->incidents[i].hdr_reset);
    json_array_append_new(array, object);
  }
  return array;
}

json_t *json_leaks(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->leak_count; i++) {
    json_t *const object = json_object();
    set(object, "kind", json_string(model_leak_kind_name(p->leaks[i].kind)));
    set(object, "bytes", number(p->leaks[i].bytes));
    set(object, "blocks", number(p->leaks[i].blocks));
    json_array_append_new(array, with_stack(object, r, p, p->leaks[i].stack));
  }
  return array;
}

/* Each stack that a map of slabs names, once. */
json_t *json_slab_stacks(const struct report *r, const struct model_process *p) {
  static uint32_t ids[STATS_STACKS]; /* the file has no more stacks */
  size_t count = 0;
  json_t *const array = json_array();
  for (size_t m = 0; m < p->map_count; m++) {
    for (uint32_t i = 0; i < p->maps[m]->slab_count; i++) {
      const uint32_t id = p->maps[m]->slab[i].stack;
      size_t at = 0;
      while (at < count && ids[at] != id) at++;
      if (id == 0 || at < count || count == STATS_STACKS) continue;
      ids[count++] = id;
      json_array_append_new(array, with_stack(json_object(), r, p, id));
    }
  }
  return array;
}

json_t *json_longest_calls(const struct report *r, const struct model_process *p) {
  json_t *const array = json_array();
  for (size_t i = 0; i < p->call_count; i++) {
    const struct stats_call *const call = &p->calls[i];
    char name[MODEL_CLASS_NAME];
    json_t *const object = json_object(), *const stages = json_object();
    uint64_t rest = call->ns;
    set(object, "kind", json_string(model_call_kind(call->kind)));
    set(object, "class", json_string(model_class_name(call->cls, name)));
    set(object, "size", call->size != 0 ? number(call->size) : json_null());
    set(object, "ns", number(call->ns));
    set(object, "time_ns", number(call->time_ns));
    set(object, "thread", json_integer(call->tid));
    for (unsigned stage = 0; stage < CALL_STAGE_COUNT; stage++) {
      set(stages, model_call_stage(stage), number(call->stage[stage]));
      rest -= call->stage[stage] < rest ? call->stage[stage] : rest;
    }
    set(stages, "rest", number(rest));
    set(object, "stages", stages);
    json_array_append_new(array, with_stack(object, r, p, call->frame_count > 0 ? MODEL_CALL_STACK(i) : 0));
  }
  return array;
}

static json_t *site(const struct report *r, const struct model_process *p, const struct stats_site *from) {
  char name[MODEL_CLASS_NAME];
  json_t *const object = json_object();
  set(object, "class", json_string(model_class_name(from->cls, name)));
#define SET_ESTIMATE(name, meaning) set(object, #name, json_real(from->name));
  STATS_SITE_FIGURES(SET_ESTIMATE)
  set(object, "oldest_ms", number(from->oldest_ms));
  return with_stack(object, r, p, from->stack);
}

static json_t *profile(const struct report *r, const struct model_process *p, const struct stats_profile *from) {
  if (from == NULL) return json_null();
  json_t *const object = json_object(), *const sites = json_array();
  set(object, "time_ns", number(from->time_ns));
  set(object, "allocated", number(from->allocated));
  set(object, "waste", number(from->waste));
  set(object, "pinned", number(from->pinned));
  set(object, "pinned_slabs", number(from->pinned_slabs));
  for (uint32_t i = 0; i < from->site_count; i++) json_array_append_new(sites, site(r, p, &from->sites[i]));
  set(object, "sites", sites);
  set(object, "rest_count", number(from->rest_count));
  set(object, "rest", site(r, p, &from->rest));
  return object;
}

json_t *json_profiles(const struct report *r, const struct model_process *p) {
  json_t *const object = json_object();
  set(object, "last", profile(r, p, p->profiles[PROFILE_LAST]));
  set(object, "peak", profile(r, p, p->profiles[PROFILE_PEAK]));
  set(object, "idlest", profile(r, p, p->profiles[PROFILE_IDLEST]));
  return object;
}
