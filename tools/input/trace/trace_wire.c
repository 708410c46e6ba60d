#include "trace_wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"

#define ALIGNED(size) (((size_t)(size) + 7) & ~(size_t)7)
#define SEND_AT 262144

static_assert(SEND_AT + WIRE_LENGTH_MAX < WIRE_ROOM, "the longest entry fits behind what waits");

/* ---- The writer. ---- */

void wire_send(struct wire *w) {
  struct wire_room *const room = w->room;
  while (room->sent < room->whole) {
    const ssize_t sent = write(w->fd, room->bytes + room->sent, room->whole - room->sent);
    if (sent < 0 && errno != EINTR) _exit(EXIT_FAILED);
    if (sent > 0) room->sent += (size_t)sent;
  }
  room->whole = 0;
  room->sent = 0;
  w->length = 0;
}

/* Drops what does not fit. The entry is then too long, and finish removes it. */
static void put(struct wire *w, const void *from, size_t size) {
  if (size <= WIRE_ROOM && w->length <= WIRE_ROOM - ALIGNED(size)) {
    if (size > 0) memcpy(w->room->bytes + w->length, from, size);
    memset(w->room->bytes + w->length + size, 0, ALIGNED(size) - size);
    w->length += ALIGNED(size);
  } else {
    w->length = WIRE_ROOM;
  }
}

/* Begins an entry, with room for the longest. Returns its start. */
static size_t begin(struct wire *w, uint32_t kind, uint32_t pid, uint64_t time_ns) {
  const size_t at = w->length;
  put(w, &(struct wire_entry){.kind = kind, .pid = pid, .tid = w->tid, .time_ns = time_ns}, sizeof(struct wire_entry));
  return at;
}

static void finish(struct wire *w, size_t at) {
  const size_t length = w->length - at;
  if (length > WIRE_LENGTH_MAX) {
    w->length = at;
    wire_lost(w, &(struct model_losses){.invalid = 1});
    return;
  }
  memcpy(w->room->bytes + at, &(uint32_t){(uint32_t)length}, sizeof(uint32_t));
  w->room->whole = w->length;
  if (w->length >= SEND_AT) wire_send(w);
}

void wire_lost(struct wire *w, const struct model_losses *lost) {
  const size_t at = begin(w, WIRE_LOST, 0, 0);
  put(w, lost, sizeof(*lost));
  finish(w, at);
}

void wire_failed(struct wire *w, const char *why) {
  const size_t at = begin(w, WIRE_FAILED, 0, 0);
  put(w, why, strlen(why) + 1);
  finish(w, at);
}

void wire_end(struct wire *w) { finish(w, begin(w, WIRE_END, 0, 0)); }

#define F_PTR(f)
#define F_U32(f)
#define F_U64(f)
#define F_BYTES(f)
#define F_TICKS(f)
#define F_BYTE(f)
#define F_CLS(f)
#define F_ENUM(f, e_)
#define F_TEXT(f) put(w, e->f, strlen(e->f) + 1);
#define F_ADDRESSES(f, n) put(w, e->f, e->n * sizeof(*e->f));
#define F_COUNTS(f, n) put(w, e->f, e->n * sizeof(*e->f));
#define EVENT_PUT(name, text, fields) \
  void wire_##name(struct wire *w, uint32_t pid, const char *program, uint64_t time_ns, const struct event_##name *e) { \
    const size_t at = begin(w, EVENT_ID_##name, pid, time_ns); \
    put(w, program, strlen(program) + 1); \
    put(w, e, sizeof(*e)); \
    fields finish(w, at); \
  }
HAK_EVENTS(EVENT_PUT)
#undef F_TEXT
#undef F_ADDRESSES
#undef F_COUNTS

/* ---- The reader. ---- */

struct body {
  unsigned char *at, *end;
};

/* The next `size` bytes; NULL if fewer remain. */
static void *take(struct body *b, uint64_t size) {
  const size_t left = (size_t)(b->end - b->at);
  if (size > left || ALIGNED(size) > left) return NULL;
  void *const part = b->at;
  b->at += ALIGNED(size);
  return part;
}

static char *take_text(struct body *b) {
  const size_t left = (size_t)(b->end - b->at), length = strnlen((char *)b->at, left);
  return length < left ? take(b, length + 1) : NULL;
}

#define F_TEXT(f) &&(e->f = take_text(b)) != NULL
#define F_ADDRESSES(f, n) &&(e->f = take(b, e->n * sizeof(*e->f))) != NULL
#define F_COUNTS(f, n) &&(e->f = take(b, e->n * sizeof(*e->f))) != NULL
#define EVENT_TAKE(name, text, fields) \
  static bool take_##name(struct body *b, struct event_##name *e) { \
    const void *const whole = take(b, sizeof(*e)); \
    if (whole != NULL) memcpy(e, whole, sizeof(*e)); \
    return whole != NULL fields; \
  }
HAK_EVENTS(EVENT_TAKE)

bool wire_take_event(struct wire_entry *entry, struct trace_model *model) {
  struct body b = {wire_body(entry), (unsigned char *)entry + entry->length};
  const char *const program = take_text(&b);
  if (program == NULL) return false;
  struct trace_process *const p = trace_model_process(model, entry->pid, program);
  trace_model_thread(model, entry->tid);
  switch (entry->kind) {
#define EVENT_CASE(name, text, fields) \
  case EVENT_ID_##name: { \
    struct event_##name e; \
    if (!take_##name(&b, &e)) return false; \
    trace_on_##name(model, p, entry->time_ns, &e); \
    return true; \
  }
    HAK_EVENTS(EVENT_CASE)
    default: return false;
  }
}
