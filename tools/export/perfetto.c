/*
 * perfetto.c: JSON of Chrome's trace event format, which Perfetto reads: {"traceEvents": [{"ph": ..., "ts": microseconds, ...}]}. Times count from the
 * start of the first process.
 *
 *   M  names of processes and threads       X  refills, drains, legacy calls, lookups, mappings of a trace, each with its duration
 *   i  incidents                            X  also the longest calls of the statistics, each with its stages
 *   C  memory over time, a track for each figure; the buckets of the last snapshot
 *
 * It is written event by event, because a trace may have many.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "report/json/json.h"
#include "export.h"

struct events {
  FILE *out;
  bool any;
  uint64_t start_ns; /* of the first process */
};

static json_t *event(const char *phase, const char *name, uint32_t pid, uint32_t tid) {
  json_t *const object = json_object();
  set(object, "ph", json_string(phase));
  set(object, "name", text(name));
  set(object, "pid", json_integer(pid));
  set(object, "tid", json_integer(tid));
  return object;
}

static void print_event(struct events *e, json_t *object) {
  fputs(e->any ? ",\n" : "\n", e->out);
  e->any = true;
  json_dumpf(object, e->out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
  json_decref(object);
}

static void set_time(json_t *object, const struct events *e, const struct model_process *p, uint64_t since_start_ns) {
  const uint64_t ns = p->start_realtime_ns - e->start_ns + since_start_ns;
  set(object, "ts", json_real((double)ns / 1e3));
}

/* ---- Names ---- */

static void print_name(struct events *e, const char *what, uint32_t pid, uint32_t tid, const char *name) {
  json_t *const object = event("M", what, pid, tid), *const arguments = json_object();
  set(arguments, "name", text(name));
  set(object, "args", arguments);
  print_event(e, object);
}

static int by_number(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* The data have no names of threads: a thread is named by its id, the first one by its program. */
static void print_threads(struct events *e, const struct model_process *p) {
  const size_t calls_at = p->span_count + p->incident_count, count = calls_at + p->call_count;
  uint32_t *const tids = must_allocate((count + 1) * sizeof(*tids));
  for (size_t i = 0; i < p->span_count; i++) tids[i] = p->spans[i].tid;
  for (size_t i = 0; i < p->incident_count; i++) tids[p->span_count + i] = p->incidents[i].tid;
  for (size_t i = 0; i < p->call_count; i++) tids[calls_at + i] = p->calls[i].tid;
  qsort(tids, count, sizeof(*tids), by_number);
  for (size_t i = 0; i < count; i++) {
    if (tids[i] == 0 || (i > 0 && tids[i] == tids[i - 1])) continue;
    char *const name = tids[i] == p->pid ? must_copy("main thread") : must_print("thread %" PRIu32, tids[i]);
    print_name(e, "thread_name", p->pid, tids[i], name);
    free(name);
  }
  free(tids);
}

/* ---- What happened ---- */

static const char *why_name(const struct model_span *s) {
  switch (s->kind) {
    case SPAN_REFILL: return model_refill_source_name(s->why);
    case SPAN_DRAIN: return model_drain_reason_name(s->why);
    case SPAN_LEGACY: return model_legacy_reason_name(s->why);
    default: return NULL;
  }
}

#define SPAN_NAME(constant, name) name,

static void print_span(struct events *e, const struct model_process *p, const struct model_span *s) {
  static const char *const names[] = {MODEL_SPANS(SPAN_NAME)};
  json_t *const object = event("X", names[s->kind], p->pid, s->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  set(object, "cat", json_string("allocator"));
  set_time(object, e, p, s->end_ns > s->duration_ns ? s->end_ns - s->duration_ns : 0);
  set(object, "dur", json_real((double)s->duration_ns / 1e3));
  if (s->cls < CLASS_ROWS) set(arguments, "class", json_string(model_class_name(s->cls, name)));
  if (why_name(s) != NULL) set(arguments, s->kind == SPAN_REFILL ? "source" : "reason", json_string(why_name(s)));
  set(object, "args", arguments);
  print_event(e, object);
}

/* A whole call; its time is that of its end. */
static void print_call(struct events *e, const struct model_process *p, const struct stats_call *call) {
  json_t *const object = event("X", model_call_kind(call->kind), p->pid, call->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  set(object, "cat", json_string("call"));
  set_time(object, e, p, call->time_ns > call->ns ? call->time_ns - call->ns : 0);
  set(object, "dur", json_real((double)call->ns / 1e3));
  set(arguments, "class", json_string(model_class_name(call->cls, name)));
  if (call->size != 0) set(arguments, "size", number(call->size));
  for (unsigned stage = 0; stage < CALL_STAGE_COUNT; stage++) {
    if (call->stage[stage] > 0) set(arguments, model_call_stage(stage), number(call->stage[stage]));
  }
  set(object, "args", arguments);
  print_event(e, object);
}

static void print_incident(struct events *e, const struct model_process *p, const struct stats_incident *i) {
  const struct stats_incident_key key = stats_incident_key(i);
  const bool reset = i->kind == INCIDENT_HDR_RESET;
  char *const title = must_print("%s: %s", reset ? "hdr_reset" : "shared_fail", reset ? model_hdr_verdict_name(key.why) : model_fail_reason_name(key.why));
  json_t *const object = event("i", title, p->pid, i->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  free(title);
  set(object, "cat", json_string("incident"));
  set(object, "s", json_string(i->tid != 0 ? "t" : "p"));
  set_time(object, e, p, i->time_ns);
  set(arguments, "class", json_string(model_class_name(key.cls, name)));
  set(arguments, "count", number(i->count));
  set(object, "args", arguments);
  print_event(e, object);
}

/* ---- Memory ---- */

static void print_counter(struct events *e, const struct model_process *p, uint64_t time_ns, const char *name, uint64_t bytes) {
  if (bytes == UNKNOWN) return;
  json_t *const object = event("C", name, p->pid, 0), *const arguments = json_object();
  set_time(object, e, p, time_ns);
  set(arguments, "bytes", number(bytes));
  set(object, "args", arguments);
  print_event(e, object);
}

static void print_memory_of(struct events *e, const struct model_process *p) {
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const m = &p->timeline[i];
    print_counter(e, p, m->time_ns, "requested", m->requested);
    print_counter(e, p, m->time_ns, "allocated", m->allocated);
    print_counter(e, p, m->time_ns, "active", m->active);
    print_counter(e, p, m->time_ns, "committed", m->committed);
    print_counter(e, p, m->time_ns, "mapped", m->mapped);
    print_counter(e, p, m->time_ns, "resident", m->rss);
  }
  if (!p->has_buckets) return;
  const struct stats_buckets *const b = &p->buckets;
#define PRINT_BUCKET(name, meaning) print_counter(e, p, p->elapsed_ns, "bucket: " meaning, b->name);
  STATS_BUCKETS(PRINT_BUCKET)
}

static uint64_t first_start(const struct report *r, uint64_t start) {
  for (size_t i = 0; r != NULL && i < r->process_count; i++) {
    if (r->processes[i]->start_realtime_ns < start) start = r->processes[i]->start_realtime_ns;
  }
  return start;
}

bool export_perfetto(FILE *out, const struct page *page, const struct export_options *o) {
  (void)o;
  struct events e = {.out = out, .start_ns = first_start(page->stats, first_start(page->trace, UNKNOWN))};
  uint64_t dropped = 0;
  fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [", out);
  for (size_t i = 0; i < page->main->process_count; i++) {
    const struct model_process *const p = page->main->processes[i];
    sandbox_alive();
    print_name(&e, "process_name", p->pid, 0, p->program);
    print_threads(&e, p);
    for (size_t k = 0; k < p->span_count; k++) print_span(&e, p, &p->spans[k]);
    for (size_t k = 0; k < p->incident_count; k++) print_incident(&e, p, &p->incidents[k]);
    dropped += p->spans_dropped;
  }
  for (size_t i = 0; i < page->memory->process_count; i++) {
    const struct model_process *const p = page->memory->processes[i];
    for (size_t k = 0; k < p->call_count; k++) print_call(&e, p, &p->calls[k]);
    print_memory_of(&e, p);
  }
  fprintf(out, "\n], \"otherData\": {\"exporter\": \"hakmem " HAKMEM_VERSION "\", \"dropped_slices\": \"%" PRIu64 "\"}}\n", dropped);
  return true;
}
