#include "session.h"

#include <lttng/lttng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/events.h"
#include "common/error.h"
#include "common/memory.h"

#define PROVIDER "hakmem"
#define CHANNEL "hakmem"
#define LIVE_MICROSECONDS 1000000 /* a relay gets what is in the buffers this often */
#define SEND_POLL_NS 20000000
#define SEND_POLLS 3000 /* a minute */

/* Events for every operation: only in full tracing. */
#define PER_OPERATION(P) P(alloc) P(free) P(realloc)

#define CHECK_EXISTS(name) static_assert(EVENT_ID_##name < EVENT_COUNT, "no such event");
PER_OPERATION(CHECK_EXISTS)

static bool ctl_failed(const char *what, int code) {
  if (code == -LTTNG_ERR_RELAYD_CONNECT_FAIL || code == -LTTNG_ERR_RELAYD_VERSION_FAIL) {
    return fail("cannot %s: %s; what answers there is not the control port of an lttng-relayd (5342 by default), or its data port is another", what,
                lttng_strerror(code));
  }
  return fail("cannot %s: %s", what, lttng_strerror(code));
}

/* A session that goes to a relay is a live one: relays show no others to readers while they are written. */
static struct lttng_session_descriptor *describe(const char *name, const char *output, const char *relay) {
  if (relay == NULL) return lttng_session_descriptor_local_create(name, output);
  return lttng_session_descriptor_live_network_create(name, relay, NULL, LIVE_MICROSECONDS);
}

static bool create(struct session *s, const char *output, const struct session_settings *settings) {
  s->name = must_print("hakmem-%d", (int)getpid());
  struct lttng_session_descriptor *const descriptor = describe(s->name, output, settings->relay);
  if (descriptor == NULL) return fail("liblttng-ctl does not accept %s as the output of a session", settings->relay != NULL ? settings->relay : output);
  const enum lttng_error_code code = lttng_create_session_ext(descriptor);
  lttng_session_descriptor_destroy(descriptor);
  if (code != LTTNG_OK) {
    free(s->name);
    s->name = NULL;
    return ctl_failed("create an LTTng session", -(int)code);
  }
  struct lttng_domain domain;
  memset(&domain, 0, sizeof(domain));
  domain.type = LTTNG_DOMAIN_UST;
  /* A process that is killed within an event spoils only its own buffers, if it has some. */
  domain.buf_type = settings->shared ? LTTNG_BUFFER_PER_UID : LTTNG_BUFFER_PER_PID;
  s->handle = lttng_create_handle(s->name, &domain);
  return s->handle != NULL || fail("no memory for the LTTng session");
}

static bool add_channel(struct session *s, const struct session_settings *settings) {
  struct lttng_channel *const channel = lttng_channel_create(&s->handle->domain);
  if (channel == NULL) return fail("no memory for a channel of the LTTng session");
  snprintf(channel->name, sizeof(channel->name), "%s", CHANNEL);
  channel->attr.overwrite = 0; /* if a buffer is full, new events are dropped and counted */
  channel->attr.subbuf_size = settings->buffer_size;
  channel->attr.num_subbuf = settings->buffer_count;
  const int code = lttng_enable_channel(s->handle, channel);
  lttng_channel_destroy(channel);
  return code >= 0 || ctl_failed("make a channel (a smaller --buffer-size may help)", code);
}

static bool add_contexts(struct session *s) {
  static const enum lttng_event_context_type types[] = {LTTNG_EVENT_CONTEXT_VPID, LTTNG_EVENT_CONTEXT_VTID, LTTNG_EVENT_CONTEXT_PROCNAME};
  for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    struct lttng_event_context context;
    memset(&context, 0, sizeof(context));
    context.ctx = types[i];
    const int code = lttng_add_context(s->handle, &context, NULL, CHANNEL);
    if (code < 0) return ctl_failed("add the process id, thread id and process name to the events", code);
  }
  return true;
}

static bool enable_events(struct session *s, bool full) {
#define EXCLUDED(name) (char *)PROVIDER ":" #name,
  char *excluded[] = {PER_OPERATION(EXCLUDED)};
  struct lttng_event *const event = lttng_event_create();
  if (event == NULL) return fail("no memory for the events of the LTTng session");
  snprintf(event->name, sizeof(event->name), "%s", PROVIDER ":*");
  event->type = LTTNG_EVENT_TRACEPOINT;
  event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
  event->loglevel = -1;
  const int count = full ? 0 : (int)(sizeof(excluded) / sizeof(excluded[0]));
  const int code = lttng_enable_event_with_exclusions(s->handle, event, CHANNEL, NULL, count, full ? NULL : excluded);
  lttng_event_destroy(event);
  return code >= 0 || ctl_failed("enable the events " PROVIDER ":*", code);
}

bool session_start(struct session *s, const char *output, const struct session_settings *settings) {
  *s = (struct session){0};
  if (!create(s, output, settings) || !add_channel(s, settings) || !add_contexts(s) || !enable_events(s, settings->full)) return false;
  const int code = lttng_start_tracing(s->name);
  return code >= 0 || ctl_failed("start the LTTng session", code);
}

/* Whether all data were sent before the relay, or the way to it, was lost. */
static bool wait_until_sent(const struct session *s, bool (*goes_on)(const void *context), const void *context) {
  for (unsigned polls = 0; polls < SEND_POLLS && goes_on(context); polls++) {
    const int pending = lttng_data_pending(s->name);
    if (pending <= 0) return pending == 0;
    nanosleep(&(const struct timespec){.tv_nsec = SEND_POLL_NS}, NULL);
  }
  return false;
}

bool session_stop(struct session *s, bool (*goes_on)(const void *context), const void *context) {
  const int stopped = goes_on == NULL ? lttng_stop_tracing(s->name) /* returns when all data are written */ : lttng_stop_tracing_no_wait(s->name);
  if (stopped < 0) return ctl_failed("stop the LTTng session", stopped);
  const bool sent = goes_on == NULL || wait_until_sent(s, goes_on, context);
  const int destroyed = sent ? lttng_destroy_session(s->name) : lttng_destroy_session_no_wait(s->name);
  if (destroyed < 0) return ctl_failed("end the LTTng session", destroyed);
  free(s->name);
  s->name = NULL;
  return sent || fail("the last part of the trace could not be sent");
}

void session_fini(struct session *s) {
  if (s->name != NULL) lttng_destroy_session(s->name);
  free(s->name);
  if (s->handle != NULL) lttng_destroy_handle(s->handle);
  *s = (struct session){0};
}

int session_count(void) {
  struct lttng_session *sessions = NULL;
  const int count = lttng_list_sessions(&sessions);
  if (count > 0) free(sessions);
  return count > 0 ? count : 0;
}

bool session_daemon_runs(void) { return lttng_session_daemon_alive() == 1; }
