#include "follow.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/trace/hosts.h"
#include "input/trace/live.h"
#include "input/trace/sum/trace_part.h"
#include "input/trace/worker.h"

#define ANSWER_MS 500 /* for which workers are waited for: they look every 50 ms, if their relay has nothing */
#define POLL_MS 5

struct session {
  struct worker worker; /* its pid is 0 after its end */
  unsigned char *last;  /* its last part; NULL: none yet */
  size_t length;
  char *trouble;
};

struct follow {
  char *const *addresses;
  struct session *sessions;
  size_t count, running;
};

struct follow *follow_start(char *const *addresses, size_t count) {
  struct follow *const f = must_allocate(sizeof(*f));
  *f = (struct follow){.addresses = addresses, .sessions = must_allocate(count * sizeof(*f->sessions))};
  for (; f->count < count; f->count++, f->running++) {
    if (worker_start(&f->sessions[f->count].worker, &addresses[f->count], 1, &(struct trace_choice){.in_parts = true})) continue;
    follow_end(f);
    return NULL;
  }
  return f;
}

/* Takes `bytes` over. */
static void keep(struct session *s, unsigned char *bytes, size_t length) {
  free(s->last);
  s->last = bytes;
  s->length = length;
}

/* What it handed over at its end stays the part of the session. */
static void end_session(struct session *s) {
  struct report *const r = model_create(SOURCE_TRACE, "");
  struct trace_model *const t = trace_model_create(r);
  const size_t length = s->worker.length;
  if (length > 0) keep(s, memcpy(must_allocate(length), s->worker.bytes, length), length);
  s->trouble = worker_finish(&s->worker, t);
  trace_model_finish(t);
  model_destroy(r);
}

void follow_end(struct follow *f) {
  if (f == NULL) return;
  for (size_t i = 0; i < f->count; i++) {
    struct session *const s = &f->sessions[i];
    if (s->worker.pid != 0) end_session(s);
    free(s->last);
    free(s->trouble);
  }
  free(f->sessions);
  free(f);
}

/* Receives what a worker hands over at its end. */
static void receive(struct follow *f, struct session *s) {
  struct pollfd ready = {.fd = s->worker.fd, .events = POLLIN};
  bool goes_on = true;
  while (goes_on && poll(&ready, 1, 0) > 0) goes_on = worker_receive(&s->worker);
  if (goes_on) {
    worker_watch(&s->worker);
    return;
  }
  end_session(s);
  f->running--;
}

/* Whether all answered. */
static bool receive_all(struct follow *f) {
  bool all = true;
  for (size_t i = 0; i < f->count; i++) {
    struct session *const s = &f->sessions[i];
    if (s->worker.pid != 0) receive(f, s);
    all = all && (s->worker.pid == 0 || worker_given(&s->worker));
  }
  return all;
}

static void ask_all(struct follow *f) {
  for (size_t i = 0; i < f->count; i++) {
    if (f->sessions[i].worker.pid != 0) worker_ask(&f->sessions[i].worker);
  }
  for (int waited = 0; !receive_all(f) && waited < ANSWER_MS; waited += POLL_MS) nanosleep(&(const struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
  for (size_t i = 0; i < f->count; i++) {
    struct session *const s = &f->sessions[i];
    size_t length = 0;
    unsigned char *const part = s->worker.pid != 0 && worker_given(&s->worker) ? worker_part(&s->worker, &length) : NULL;
    if (part != NULL) keep(s, part, length);
  }
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void add_session(const struct follow *f, size_t index, struct report *r, struct trace_model *t) {
  const struct session *const s = &f->sessions[index];
  char name[MODEL_HOST], *why = NULL;
  live_host(f->addresses[index], name, sizeof(name));
  struct model_host *const host = model_host_of(r, name, "");
  const struct hosts_part before = hosts_begin_part(r);
  host->is_live = host->is_live || s->worker.pid != 0;
  if (s->last != NULL) trace_part_take(t, s->last, s->length, &why);
  hosts_end_part(r, &before, host, now_ns());
  free(why);
}

struct report *follow_take(struct follow *f) {
  ask_all(f);
  struct report *const r = model_create(SOURCE_TRACE, f->addresses[0]);
  struct trace_model *const t = trace_model_create(r);
  for (size_t i = 0; i < f->count; i++) add_session(f, i, r, t);
  trace_model_finish(t);
  hosts_finish(r);
  model_finish(r);
  return r;
}

size_t follow_running(const struct follow *f) { return f->running; }
const char *follow_trouble(const struct follow *f, size_t index) { return f->sessions[index].trouble; }
