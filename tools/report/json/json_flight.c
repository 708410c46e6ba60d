/*
 * json_flight.c: the newest events of the flight recorder. The figures of the statistics count them, too.
 */
#include "json_process.h"

#define EVENTS_SHOWN 1000 /* of a process: the newest ones, without --all */

static json_t *event(const struct model_process *p, const struct model_span *s) {
  char name[MODEL_CLASS_NAME];
  const char *const why = model_span_why(s);
  json_t *const object = json_object();
  set(object, "what", json_string(model_span_name(s)));
  set(object, "why", why != NULL ? json_string(why) : json_null());
  set(object, "class", s->cls < CLASS_ROWS ? json_string(model_class_name(s->cls, name)) : json_null());
  set(object, "thread", number(s->tid));
  set(object, "before_end_ns", number(p->elapsed_ns - s->end_ns));
  set(object, "ns", number(s->duration_ns));
  return object;
}

static json_t *process(const struct page *page, const struct model_process *p) {
  json_t *const object = json_object(), *const events = json_array();
  const size_t shown = page->all || p->span_count < EVENTS_SHOWN ? p->span_count : EVENTS_SHOWN;
  for (size_t i = p->span_count - shown; i < p->span_count; i++) json_array_append_new(events, event(p, &p->spans[i]));
  set(object, "pid", number(p->pid));
  set(object, "program", text(p->program));
  set(object, "start_realtime_ns", number(p->start_realtime_ns));
  set(object, "elapsed_ns", number(p->elapsed_ns));
  set(object, "counters", json_of_counters(&p->counts->counters));
  set(object, "events", events);
  set(object, "events_left", number(p->span_count - shown));
  return object;
}

json_t *json_flight(const struct page *page) {
  json_t *const object = json_object(), *const processes = json_array();
  for (size_t i = 0; page->flight != NULL && i < page->flight->process_count; i++) {
    json_array_append_new(processes, process(page, page->flight->processes[i]));
  }
  set(object, "failure", text(page->flight_failure));
  set(object, "recordings_left", number(page->flight_left));
  set(object, "events_discarded", page->flight != NULL ? number(page->flight->lost.events_discarded) : json_null());
  set(object, "processes", processes);
  return object;
}
