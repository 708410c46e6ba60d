/*
 * flight.c: events become records: an event's header, the thread, then the fields of src/events.h, packed.
 *
 *   record:  id (16 bits)  time (64)  thread (32)  fields       flight_metadata.c describes the same to readers
 */
#include <string.h>

#include "src/checker_hooks.h"
#include "src/platform/config.h"
#include "src/platform/syscall.h"
#include "flight.h"
#include "flight_packets.h"
#include "tracer.h"

/* The number of the running thread. A system call for each event would cost more than the event. */
static __thread struct { uint32_t tid, process; /* process: forks before this thread's number was asked for */ } own __attribute__((tls_model("initial-exec")));
static uint32_t process = 1;

static uint32_t own_thread(void) {
  if (own.process != process) {
    own.tid = (uint32_t)sys_gettid();
    own.process = process;
  }
  return own.tid;
}

/* Not on the stack, which may be a fiber's of one page. */
struct record {
  size_t length;
  unsigned char bytes[FLIGHT_RECORD_MAX];
};

static struct record adding; /* of the thread that has begun to add one */

ALWAYS_INLINE void put(struct record *r, const void *value, size_t size) {
  memcpy(r->bytes + r->length, value, size);
  r->length += size;
}

static void put_text(struct record *r, const char *text) {
  const size_t length = min_size(text != NULL ? strlen(text) : 0, FLIGHT_TEXT_MAX);
  put(r, text, length);
  put(r, "", 1);
}

static void put_sequence(struct record *r, const void *values, uint32_t count, size_t size) {
  const uint32_t kept = count <= FLIGHT_SEQUENCE_MAX / size ? count : (uint32_t)(FLIGHT_SEQUENCE_MAX / size);
  put(r, &kept, sizeof(kept));
  put(r, values, kept * size);
}

static void begin(struct record *r, uint16_t id) {
  const struct flight_record_head head = {.id = id, .tid = own_thread()};
  r->length = 0;
  put(r, &head, sizeof(head));
}

#define F_NUMBER(f, type) put(r, &(const type){(type)e->f}, sizeof(type));
#define F_PTR(f) F_NUMBER(f, uintptr_t)
#define F_U32(f) F_NUMBER(f, uint32_t)
#define F_U64(f) F_NUMBER(f, uint64_t)
#define F_BYTES(f) F_NUMBER(f, uint64_t)
#define F_TICKS(f) F_NUMBER(f, uint64_t)
#define F_BYTE(f) F_NUMBER(f, uint8_t)
#define F_CLS(f) F_NUMBER(f, uint32_t)
#define F_ENUM(f, e_) F_NUMBER(f, uint32_t)
#define F_TEXT(f) put_text(r, e->f);
#define F_ADDRESSES(f, n) put_sequence(r, e->f, e->n, sizeof(e->f[0]));
#define F_COUNTS(f, n) put_sequence(r, e->f, e->n, sizeof(e->f[0]));

/* An incident is written at once: the program may be about to end. */
#define FLIGHT_EVENT(name, text, fields) \
  static void encode_##name(struct record *r, const struct event_##name *e) { \
    begin(r, EVENT_ID_##name); \
    fields \
  } \
  static void on_##name(const struct event_##name *e) { \
    if (!flight_packets_begin()) return; \
    encode_##name(&adding, e); \
    flight_packets_add(adding.bytes, adding.length, EVENT_ID_##name == EVENT_ID_hdr_reset); \
  }
HAK_EVENTS(FLIGHT_EVENT)

#define FLIGHT_MEMBER(name, text, fields) .name = FLIGHT_KEEPS(EVENT_ID_##name) ? on_##name : NULL,
const struct hak_event_sink flight_sink = {.version = HAK_EVENT_SINK_VERSION, .size = sizeof(flight_sink), HAK_EVENTS(FLIGHT_MEMBER)};

/* Each file begins with it: it has the rate of the ticks. */
static size_t process_record(unsigned char *at) {
  const struct event_process event = tracer_process_event();
  static struct record r; /* one thread at a time writes */
  encode_process(&r, &event);
  memcpy(at, r.bytes, r.length);
  return r.length;
}

/* ---- Start, end and forks. ---- */

void flight_start(void) {
  if (config.flight_file[0] == '\0' || hub_checked) return; /* a leak check would take the pointers in the packets for the program's */
  flight_packets_start(process_record);
  __atomic_store_n(&flight_is_on, true, __ATOMIC_RELEASE);
}

void flight_end(void) {
  if (__atomic_load_n(&flight_is_on, __ATOMIC_RELAXED)) flight_packets_end();
}

void flight_fork_child(void) {
  process++;
  if (config.flight_file[0] == '\0' || hub_checked) return;
  flight_packets_fork_child();
  __atomic_store_n(&flight_is_on, true, __ATOMIC_RELEASE);
}
