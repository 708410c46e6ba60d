/*
 * sink.h: the shape of a sink, and how a tracer attaches its own. It is the contract between libhakmem.so and libhakmem-tracepoints.so. Neither
 * depends on the other: the tracer finds both functions with dlsym.
 */
#ifndef HAKMEM_SINK_H
#define HAKMEM_SINK_H

#include "src/events.h"

#define EVENT_SINK_MEMBER(name, text, fields) void (*name)(const struct event_##name *);

/* One function per event; any may be NULL. */
struct hak_event_sink {
  uint32_t version;           /* HAK_EVENT_SINK_VERSION */
  uint32_t size;              /* sizeof(struct hak_event_sink) */
  void (*thread_begin)(void); /* called before a thread's first event, on that thread; may be NULL */
  /*
   * NULL while no session records the events; else any value, and another one for each new session. For a new session, the events that are raised
   * only once (stacks, loaded objects) are raised again. Any thread calls it, whatever locks the program holds; it must not allocate. May be NULL:
   * a session always records.
   */
  const void *(*listeners)(void);
  HAK_EVENTS(EVENT_SINK_MEMBER)
};
#define HAK_EVENT_SINK_VERSION 1

/*
 * Attaches `sink`, which must live for ever, as the process's tracer, and replays to it the events kept since the start. Returns 0; EINVAL for
 * another version or size; EBUSY if a tracer is already attached. Thread safe; not for signal handlers. Exported by libhakmem.so.
 */
int hak_event_sink_attach(const struct hak_event_sink *sink);

/* Writes the tracer's line "hakmem: <text>" to standard error, if that still is the file that it was at the start. Exported as well. */
void hak_event_sink_say(const char *text);

#endif
