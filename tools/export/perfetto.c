/*
 * perfetto.c: JSON of Chrome's trace event format, which Perfetto reads: {"traceEvents": [{"ph": ..., "ts": microseconds, ...}]}. Times count from the
 * start of the first process of the host, by its own clock. The format has one time line and one space of process ids. So if there are several hosts, each
 * process gets a number in place of its id, and its name begins with that of its host. "otherData" says when the time of each host begins.
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
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "report/json/json.h"
#include "export.h"

struct host {
  char *name;        /* "": unknown */
  uint64_t start_ns; /* of its first process, by its own clock */
};

struct number {
  size_t host; /* an index */
  uint32_t pid;
};

struct events {
  FILE *out;
  bool any;
  struct host *hosts;
  size_t host_count, host_capacity;
  struct number *numbers; /* those of processes of several hosts, from 1 */
  size_t number_count, number_capacity;
};

/* ---- Hosts ---- */

static const char *host_name(const struct report *r, const struct model_process *p, char *buffer) {
  return p->host != NULL ? model_host_name(r, p->host, buffer) : p->host_name != NULL ? p->host_name : "";
}

static const char *shown_host(const struct host *host) { return *host->name != '\0' ? host->name : "unknown host"; }

static size_t find_host(const struct events *e, const char *name) {
  size_t i = 0;
  while (i < e->host_count && strcmp(e->hosts[i].name, name) != 0) i++;
  return i < e->host_count ? i : 0; /* an unknown one is the only one */
}

static void add_host(struct events *e, const char *name) {
  for (size_t i = 0; i < e->host_count; i++) {
    if (strcmp(e->hosts[i].name, name) == 0) return;
  }
  e->hosts = must_grow(e->hosts, e->host_count, &e->host_capacity, sizeof(*e->hosts));
  e->hosts[e->host_count++] = (struct host){must_copy(name), UNKNOWN};
}

/* A process of an unknown host is one of the only host there is; if there are several, it is of one more. */
static void add_hosts(struct events *e, const struct page *page) {
  const struct report *const sources[] = {page->trace, page->stats};
  bool any_unknown = false;
  char buffer[MODEL_HOST];
  for (size_t i = 0; i < 2; i++) {
    for (size_t k = 0; sources[i] != NULL && k < sources[i]->process_count; k++) {
      const char *const name = host_name(sources[i], sources[i]->processes[k], buffer);
      if (*name != '\0') add_host(e, name);
      else any_unknown = true;
    }
  }
  if (e->host_count == 0 || (any_unknown && e->host_count > 1)) add_host(e, "");
  for (size_t i = 0; i < 2; i++) {
    for (size_t k = 0; sources[i] != NULL && k < sources[i]->process_count; k++) {
      const struct model_process *const p = sources[i]->processes[k];
      struct host *const host = &e->hosts[find_host(e, host_name(sources[i], p, buffer))];
      if (p->start_realtime_ns < host->start_ns) host->start_ns = p->start_realtime_ns;
    }
  }
}

/* What stands for the process id. */
static uint32_t number_of(struct events *e, size_t host, uint32_t pid) {
  if (e->host_count == 1) return pid;
  for (size_t i = 0; i < e->number_count; i++) {
    if (e->numbers[i].host == host && e->numbers[i].pid == pid) return (uint32_t)i + 1;
  }
  e->numbers = must_grow(e->numbers, e->number_count, &e->number_capacity, sizeof(*e->numbers));
  e->numbers[e->number_count] = (struct number){host, pid};
  return (uint32_t)++e->number_count;
}

/* One process of the page, as the format has it. */
struct track {
  const struct model_process *p;
  uint32_t pid;
  size_t host;
  uint64_t shift_ns; /* from the start of its host to its own */
};

static struct track track_of(struct events *e, const struct report *r, const struct model_process *p) {
  char buffer[MODEL_HOST];
  const size_t host = find_host(e, host_name(r, p, buffer));
  return (struct track){p, number_of(e, host, p->pid), host, p->start_realtime_ns - e->hosts[host].start_ns};
}

/* ---- Events ---- */

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

static void set_time(json_t *object, const struct track *t, uint64_t since_start_ns) {
  set(object, "ts", json_real((double)(t->shift_ns + since_start_ns) / 1e3));
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
static void print_threads(struct events *e, const struct track *t) {
  const struct model_process *const p = t->p;
  const size_t calls_at = p->span_count + p->incident_count, count = calls_at + p->call_count;
  uint32_t *const tids = must_allocate((count + 1) * sizeof(*tids));
  for (size_t i = 0; i < p->span_count; i++) tids[i] = p->spans[i].tid;
  for (size_t i = 0; i < p->incident_count; i++) tids[p->span_count + i] = p->incidents[i].tid;
  for (size_t i = 0; i < p->call_count; i++) tids[calls_at + i] = p->calls[i].tid;
  qsort(tids, count, sizeof(*tids), by_number);
  for (size_t i = 0; i < count; i++) {
    if (tids[i] == 0 || (i > 0 && tids[i] == tids[i - 1])) continue;
    char *const name = tids[i] == p->pid ? must_copy("main thread") : must_print("thread %" PRIu32, tids[i]);
    print_name(e, "thread_name", t->pid, tids[i], name);
    free(name);
  }
  free(tids);
}

/* ---- What happened ---- */

static void print_span(struct events *e, const struct track *t, const struct model_span *s) {
  const char *const why = model_span_why(s);
  json_t *const object = event("X", model_span_name(s), t->pid, s->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  set(object, "cat", json_string("allocator"));
  set_time(object, t, s->end_ns > s->duration_ns ? s->end_ns - s->duration_ns : 0);
  set(object, "dur", json_real((double)s->duration_ns / 1e3));
  if (s->cls < CLASS_ROWS) set(arguments, "class", json_string(model_class_name(s->cls, name)));
  if (why != NULL) set(arguments, s->kind == SPAN_REFILL ? "source" : "reason", json_string(why));
  set(object, "args", arguments);
  print_event(e, object);
}

/* A whole call; its time is that of its end. */
static void print_call(struct events *e, const struct track *t, const struct stats_call *call) {
  json_t *const object = event("X", model_call_kind(call->kind), t->pid, call->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  set(object, "cat", json_string("call"));
  set_time(object, t, call->time_ns > call->ns ? call->time_ns - call->ns : 0);
  set(object, "dur", json_real((double)call->ns / 1e3));
  set(arguments, "class", json_string(model_class_name(call->cls, name)));
  if (call->size != 0) set(arguments, "size", number(call->size));
  for (unsigned stage = 0; stage < CALL_STAGE_COUNT; stage++) {
    if (call->stage[stage] > 0) set(arguments, model_call_stage(stage), number(call->stage[stage]));
  }
  set(object, "args", arguments);
  print_event(e, object);
}

static void print_incident(struct events *e, const struct track *t, const struct stats_incident *i) {
  const struct stats_incident_key key = stats_incident_key(i);
  const bool reset = i->kind == INCIDENT_HDR_RESET;
  char *const title = must_print("%s: %s", reset ? "hdr_reset" : "shared_fail", reset ? model_hdr_verdict_name(key.why) : model_fail_reason_name(key.why));
  json_t *const object = event("i", title, t->pid, i->tid), *const arguments = json_object();
  char name[MODEL_CLASS_NAME];
  free(title);
  set(object, "cat", json_string("incident"));
  set(object, "s", json_string(i->tid != 0 ? "t" : "p"));
  set_time(object, t, i->time_ns);
  set(arguments, "class", json_string(model_class_name(key.cls, name)));
  set(arguments, "count", number(i->count));
  set(object, "args", arguments);
  print_event(e, object);
}

/* ---- Memory ---- */

static void print_counter(struct events *e, const struct track *t, uint64_t time_ns, const char *name, uint64_t bytes) {
  if (bytes == UNKNOWN) return;
  json_t *const object = event("C", name, t->pid, 0), *const arguments = json_object();
  set_time(object, t, time_ns);
  set(arguments, "bytes", number(bytes));
  set(object, "args", arguments);
  print_event(e, object);
}

static void print_memory_of(struct events *e, const struct track *t) {
  const struct model_process *const p = t->p;
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const m = &p->timeline[i];
    print_counter(e, t, m->time_ns, "requested", m->requested);
    print_counter(e, t, m->time_ns, "allocated", m->allocated);
    print_counter(e, t, m->time_ns, "active", m->active);
    print_counter(e, t, m->time_ns, "committed", m->committed);
    print_counter(e, t, m->time_ns, "mapped", m->mapped);
    print_counter(e, t, m->time_ns, "resident", m->rss);
  }
  if (!p->has_buckets) return;
  const struct stats_buckets *const b = &p->buckets;
  const uint64_t then = model_is_cut(p) ? p->snapshot_ns : p->elapsed_ns;
#define PRINT_BUCKET(name, meaning) print_counter(e, t, then, "bucket: " meaning, b->name);
  STATS_BUCKETS(PRINT_BUCKET)
}

/* ---- The whole ---- */

/* Processes of a host stand together. */
static void print_process_name(struct events *e, const struct track *t) {
  if (e->host_count == 1) {
    print_name(e, "process_name", t->pid, 0, t->p->program);
    return;
  }
  char *const name = must_print("%s: %s %" PRIu32, shown_host(&e->hosts[t->host]), t->p->program, t->p->pid);
  print_name(e, "process_name", t->pid, 0, name);
  free(name);
  json_t *const object = event("M", "process_sort_index", t->pid, 0), *const arguments = json_object();
  set(arguments, "sort_index", json_integer((json_int_t)t->host));
  set(object, "args", arguments);
  print_event(e, object);
}

static void print_other(const struct events *e, uint64_t dropped) {
  char digits[32];
  json_t *const other = json_object();
  set(other, "exporter", json_string("hakmem " HAKMEM_VERSION));
  snprintf(digits, sizeof(digits), "%" PRIu64, dropped);
  set(other, "dropped_slices", json_string(digits));
  for (size_t i = 0; e->host_count > 1 && i < e->host_count; i++) {
    char *const name = must_print("host %s: ns since 1970, by its own clock, at time 0", shown_host(&e->hosts[i]));
    json_t *const key = text(name); /* text makes UTF-8 of it */
    snprintf(digits, sizeof(digits), "%" PRIu64, e->hosts[i].start_ns);
    set(other, json_string_value(key), json_string(digits));
    json_decref(key);
    free(name);
  }
  fputs("\n], \"otherData\": ", e->out);
  json_dumpf(other, e->out, JSON_ENSURE_ASCII);
  fputs("}\n", e->out);
  json_decref(other);
}

bool export_perfetto(FILE *out, const struct page *page, const struct export_options *o) {
  (void)o;
  struct events e = {.out = out};
  uint64_t dropped = 0;
  add_hosts(&e, page);
  fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [", out);
  for (size_t i = 0; i < page->main->process_count; i++) {
    const struct model_process *const p = page->main->processes[i];
    const struct track t = track_of(&e, page->main, p);
    sandbox_alive();
    print_process_name(&e, &t);
    print_threads(&e, &t);
    for (size_t k = 0; k < p->span_count; k++) print_span(&e, &t, &p->spans[k]);
    for (size_t k = 0; k < p->incident_count; k++) print_incident(&e, &t, &p->incidents[k]);
    dropped += p->spans_dropped;
  }
  for (size_t i = 0; i < page->memory->process_count; i++) {
    const struct model_process *const p = page->memory->processes[i];
    const struct track t = track_of(&e, page->memory, p);
    for (size_t k = 0; k < p->call_count; k++) print_call(&e, &t, &p->calls[k]);
    print_memory_of(&e, &t);
  }
  print_other(&e, dropped);
  for (size_t i = 0; i < e.host_count; i++) free(e.hosts[i].name);
  free(e.hosts);
  free(e.numbers);
  return true;
}
