#include "trace_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "trace_process.h"

#define MAGIC UINT64_C(0x74726170656d6b68)
#define HISTOGRAMS (offsetof(struct model_latency, ticks) / sizeof(struct histogram *)) /* they come first in it */

static_assert(offsetof(struct model_latency, ticks) % sizeof(struct histogram *) == 0, "only histograms lie before the unit");

/* What trace_model.c sets of a process, beside its counts, lists and texts. */
#define FIGURES(F) \
  F(pid) \
  F(complete) \
  F(has_settings) \
  F(strategy) \
  F(superslab_size) \
  F(superslab_limit) \
  F(drain_interval) \
  F(sample) \
  F(release_delay) \
  F(huge_pages) \
  F(ticks_per_second) \
  F(clock_cost_ns) \
  F(start_realtime_ns) \
  F(superslabs_active) \
  F(superslabs_active_max) \
  F(legacy_refused_max) \
  F(peak_ns) \
  F(peak_active) \
  F(peak_utilisation) \
  F(span_floor) \
  F(spans_dropped)

static struct histogram **histogram_at(struct report *r, size_t index) { return (struct histogram **)(void *)&r->latency + index; }

/* ---- The writer ---- */

static void put(int fd, const void *from, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t sent = write(fd, (const char *)from + done, size - done);
    if (sent < 0 && errno != EINTR) _exit(1); /* the reader is gone */
    if (sent > 0) done += (size_t)sent;
  }
}

static void put_number(int fd, uint64_t number) { put(fd, &number, sizeof(number)); }

static void put_array(int fd, const void *from, size_t count, size_t size) {
  put_number(fd, count);
  put(fd, from, count * size);
}

static void put_text(int fd, const char *text) { put_array(fd, text, strlen(text), 1); }

static void put_process(int fd, const struct report *r, const struct trace_process *p) {
  const struct model_process *const m = p->p;
  put(fd, p, sizeof(*p));
#define PUT_FIGURE(name) put(fd, &m->name, sizeof(m->name));
  FIGURES(PUT_FIGURE)
  put(fd, m->counts, sizeof(*m->counts));
  put_text(fd, m->program);
  put_text(fd, m->version);
  put_number(fd, p->pending_count);
  for (size_t i = 0; i < p->pending_count; i++) {
    const uint64_t one[] = {(uint64_t)((const char *)p->pending[i].place - (const char *)&r->latency) / sizeof(struct histogram *), p->pending[i].ticks};
    put(fd, one, sizeof(one));
  }
  put_array(fd, m->timeline, m->timeline_length, sizeof(*m->timeline));
  put_array(fd, m->incidents, m->incident_count, sizeof(*m->incidents));
  put_array(fd, m->leaks, m->leak_count, sizeof(*m->leaks));
  put_array(fd, m->allocations, m->allocation_count, sizeof(*m->allocations));
  put_array(fd, m->spans, m->span_count, sizeof(*m->spans));
  put_number(fd, m->stack_count);
  for (size_t i = 0; i < m->stack_count; i++) {
    put(fd, &m->stacks[i], sizeof(m->stacks[i]));
    put_array(fd, m->stacks[i].frames, m->stacks[i].frame_count, sizeof(uint64_t));
  }
  put_number(fd, m->module_count);
  for (size_t i = 0; i < m->module_count; i++) {
    put(fd, &m->modules[i], sizeof(m->modules[i]));
    put_text(fd, m->modules[i].path);
    put_text(fd, m->modules[i].build_id);
  }
}

void trace_part_write(int fd, const struct trace_model *t, const char *why) {
  struct report *const r = t->r;
  put_number(fd, MAGIC);
  put_number(fd, why == NULL);
  put_number(fd, r->events);
  put_number(fd, r->start_ns);
  put_number(fd, r->end_ns);
  put(fd, &r->lost, sizeof(r->lost));
  put_text(fd, why != NULL ? why : "");
  for (size_t i = 0; i < HISTOGRAMS; i++) {
    const struct histogram *const h = *histogram_at(r, i);
    if (h == NULL || h->count == 0) continue;
    put_number(fd, i);
    put(fd, h, sizeof(*h));
  }
  put_number(fd, HISTOGRAMS);
  put_number(fd, t->count);
  for (size_t i = 0; i < t->count; i++) put_process(fd, r, t->processes[i]);
  put_number(fd, MAGIC);
}

/* ---- The reader ---- */

struct bytes {
  const unsigned char *at, *end;
  bool good; /* none was missing so far */
};

static void take(struct bytes *b, void *into, size_t size) {
  b->good = b->good && size <= (size_t)(b->end - b->at);
  if (!b->good) {
    memset(into, 0, size);
    return;
  }
  memcpy(into, b->at, size);
  b->at += size;
}

static uint64_t take_number(struct bytes *b) {
  uint64_t number;
  take(b, &number, sizeof(number));
  return number;
}

/* A length that the bytes can have. */
static size_t take_length(struct bytes *b, size_t size) {
  const uint64_t count = take_number(b);
  b->good = b->good && count <= (size_t)(b->end - b->at) / size;
  return b->good ? (size_t)count : 0;
}

static void *take_array(struct bytes *b, size_t *count, size_t size) {
  *count = take_length(b, size);
  void *const array = must_allocate(*count * size);
  take(b, array, *count * size);
  return array;
}

static char *take_text(struct bytes *b) {
  const size_t length = take_length(b, 1);
  char *const text = must_allocate(length + 1);
  take(b, text, length);
  return text;
}

static void replace(char **place, char *text) {
  free(*place);
  *place = text;
}

static void take_pending(struct bytes *b, struct trace_process *p, struct report *r) {
  p->pending = NULL;
  p->pending_count = p->pending_capacity = 0;
  const size_t count = take_length(b, 2 * sizeof(uint64_t));
  for (size_t i = 0; i < count; i++) {
    const uint64_t index = take_number(b), ticks = take_number(b);
    if (index >= HISTOGRAMS) continue;
    p->pending = must_grow(p->pending, p->pending_count, &p->pending_capacity, sizeof(*p->pending));
    p->pending[p->pending_count++] = (struct pending){histogram_at(r, index), ticks};
  }
}

static void take_incidents(struct bytes *b, struct model_process *m) {
  m->incidents = take_array(b, &m->incident_count, sizeof(*m->incidents));
  m->incident_capacity = m->incident_count;
  for (size_t i = 0; i < m->incident_count; i++) {
    b->good = b->good && m->incidents[i].kind > INCIDENT_NONE && m->incidents[i].kind < INCIDENT_KINDS;
  }
  m->leaks = take_array(b, &m->leak_count, sizeof(*m->leaks));
  m->leak_capacity = m->leak_count;
  for (size_t i = 0; i < m->leak_count; i++) b->good = b->good && m->leaks[i].kind < leak_kind_count;
}

static void take_places(struct bytes *b, struct model_process *m) {
  const size_t stacks = take_length(b, sizeof(struct model_stack));
  for (size_t i = 0; i < stacks && b->good; i++) {
    struct model_stack stack;
    size_t count;
    take(b, &stack, sizeof(stack));
    uint64_t *const frames = take_array(b, &count, sizeof(*frames));
    stack.frames = frames;
    stack.frame_count = (uint32_t)count;
    if (b->good) model_add_stack(m, &stack);
    free(frames);
  }
  const size_t modules = take_length(b, sizeof(struct model_module));
  for (size_t i = 0; i < modules && b->good; i++) {
    struct model_module module;
    take(b, &module, sizeof(module));
    module.path = take_text(b);
    module.build_id = take_text(b);
    if (b->good) model_add_module(m, &module);
    free(module.path);
    free(module.build_id);
  }
}

static void take_process(struct bytes *b, struct trace_model *t) {
  struct trace_process *const p = trace_model_add(t);
  struct model_process *const m = p->p;
  take(b, p, sizeof(*p));
  p->p = m;
  p->allocations = (struct allocations){0};
#define TAKE_FIGURE(name) take(b, &m->name, sizeof(m->name));
  FIGURES(TAKE_FIGURE)
  take(b, m->counts, sizeof(*m->counts));
  replace(&m->program, take_text(b));
  replace(&m->version, take_text(b));
  take_pending(b, p, t->r);
  m->timeline = take_array(b, &m->timeline_length, sizeof(*m->timeline));
  m->timeline_capacity = m->timeline_length;
  take_incidents(b, m);
  m->allocations = take_array(b, &m->allocation_count, sizeof(*m->allocations));
  m->allocation_capacity = m->allocation_count;
  m->spans = take_array(b, &m->span_count, sizeof(*m->spans));
  m->span_capacity = m->span_count;
  for (size_t i = 0; i < m->span_count; i++) b->good = b->good && m->spans[i].kind < SPAN_KINDS;
  take_places(b, m);
}

static void take_head(struct bytes *b, struct report *r, bool *ended) {
  struct model_losses lost;
  *ended = take_number(b) != 0;
  const uint64_t events = take_number(b), start_ns = take_number(b), end_ns = take_number(b);
  take(b, &lost, sizeof(lost));
  if (events > 0 && (r->events == 0 || start_ns < r->start_ns)) r->start_ns = start_ns;
  if (end_ns > r->end_ns) r->end_ns = end_ns;
  r->events += events;
#define ADD_LOSS(name, text) r->lost.name += lost.name;
  MODEL_LOSSES(ADD_LOSS)
}

bool trace_part_take(struct trace_model *t, const unsigned char *bytes, size_t size, char **why) {
  struct bytes b = {bytes, bytes + size, true};
  bool ended;
  *why = NULL;
  if (take_number(&b) != MAGIC) return false;
  take_head(&b, t->r, &ended);
  char *const text = take_text(&b);
  if (ended) free(text);
  else *why = text;
  for (uint64_t index; (index = take_number(&b)) < HISTOGRAMS && b.good;) {
    struct histogram h;
    take(&b, &h, sizeof(h));
    if (b.good) histogram_merge(model_histogram(histogram_at(t->r, index)), &h);
  }
  const uint64_t count = take_number(&b);
  for (uint64_t i = 0; i < count && b.good; i++) take_process(&b, t);
  return b.good && take_number(&b) == MAGIC;
}
