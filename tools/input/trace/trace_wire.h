/*
 * trace_wire.h: the format in which the process that reads a trace sends its events through a pipe. Entries wait in shared memory until there are
 * enough for one write. If the writer crashes or hangs, the reader finds the last entries there.
 *
 *   entry:   length  kind  pid  time      (struct wire_entry; length includes it, and is a multiple of 8)
 *            an event:     the process's name, a zero; then the structure; then, field by field, the data that its pointers point to
 *            WIRE_LOST:    struct model_losses, to be added
 *            WIRE_FAILED:  text: why the trace was not read to its end
 *   each part begins at a multiple of 8
 */
#ifndef HAKMEM_TOOLS_TRACE_WIRE_H
#define HAKMEM_TOOLS_TRACE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"
#include "trace_model.h"

enum { WIRE_LOST = EVENT_COUNT, WIRE_FAILED, WIRE_END };

struct wire_entry {
  uint32_t length, kind, pid, tid; /* tid 0: unknown */
  uint64_t time_ns;
};
#define WIRE_LENGTH_MAX (512u << 10) /* no event of a sound trace is so long */

/* ---- The writer. It ends its process if the reader is gone. ---- */

#define WIRE_ROOM (2 * WIRE_LENGTH_MAX)

/* 0 <= sent <= whole <= WIRE_ROOM: bytes that went through the pipe, and where the last whole entry ends. */
struct wire_room {
  volatile size_t sent, whole;
  volatile uint64_t messages; /* from babeltrace2 */
  unsigned char bytes[WIRE_ROOM];
};

struct wire {
  int fd;
  struct wire_room *room;
  size_t length; /* bytes in the room, the unfinished entry included */
  uint32_t tid;  /* of the next event; 0: unknown */
};

void wire_lost(struct wire *w, const struct model_losses *lost);
void wire_failed(struct wire *w, const char *why);
void wire_end(struct wire *w);
#define WIRE_PUT(name, text, fields) void wire_##name(struct wire *w, uint32_t pid, const char *program, uint64_t time_ns, const struct event_##name *e);
HAK_EVENTS(WIRE_PUT)

/* Sends all whole entries. */
void wire_send(struct wire *w);

/* ---- The reader. ---- */

/* Passes the event of a whole entry to the model, and changes the entry. False if it is nonsense. */
bool wire_take_event(struct wire_entry *entry, struct trace_model *model);

/* What follows the head of an entry. */
static inline unsigned char *wire_body(struct wire_entry *entry) { return (unsigned char *)(entry + 1); }

#endif
