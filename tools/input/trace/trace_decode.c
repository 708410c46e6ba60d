/*
 * trace_decode.c: from babeltrace2's messages to the event structures of src/events.h. The functions that read an event are expanded from the table
 * there; this file names no field.
 */
#include "trace_decode.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "ctf_graph.h"
#include "input/trace/sum/trace_process.h"

#define PROVIDER "hakmem:"
#define CLASS_CACHE 256 /* a power of two */
#define NOT_OURS EVENT_COUNT
#define FIELDS_MAX 48
#define NO_FIELD UINT64_MAX

/* An event class of the trace: which event of ours it is, and where each of that event's fields lies in its structure. */
struct known_class {
  const bt_event_class *class;
  unsigned id;
  uint64_t at[FIELDS_MAX], vpid, vtid, procname; /* the last three in the context */
};

struct reader {
  struct trace_model *model;
  struct trace_progress *progress;
  struct known_class cache[CLASS_CACHE];
  uint32_t pid; /* only this process; 0: all */
  trace_give *give;
};

/* ---- Fields. Looking for a field by its name takes longer than reading it, so names are looked for once for each class. ---- */

static const bt_field *member(const bt_field *structure, uint64_t at) {
  return structure != NULL && at != NO_FIELD ? bt_field_structure_borrow_member_field_by_index_const(structure, at) : NULL;
}

static uint64_t find_member(const bt_field_class *structure, const char *name) {
  if (structure == NULL || !bt_field_class_type_is(bt_field_class_get_type(structure), BT_FIELD_CLASS_TYPE_STRUCTURE)) return NO_FIELD;
  const uint64_t count = bt_field_class_structure_get_member_count(structure);
  for (uint64_t i = 0; i < count; i++) {
    const bt_field_class_structure_member *const one = bt_field_class_structure_borrow_member_by_index_const(structure, i);
    if (strcmp(bt_field_class_structure_member_get_name(one), name) == 0) return i;
  }
  return NO_FIELD;
}

static bool integer_of(const bt_field *field, uint64_t *out) {
  if (field == NULL) return false;
  const bt_field_class_type type = bt_field_get_class_type(field);
  if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
    *out = bt_field_integer_unsigned_get_value(field);
    return true;
  }
  if (!bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER)) return false;
  const int64_t value = bt_field_integer_signed_get_value(field);
  *out = (uint64_t)value;
  return value >= 0;
}

static bool get_integer(const bt_field *payload, uint64_t at, uint64_t highest, uint64_t *out) {
  return integer_of(member(payload, at), out) && *out <= highest;
}

static bool get_pointer(const bt_field *payload, uint64_t at, const void **out) {
  uint64_t value;
  if (!get_integer(payload, at, UINTPTR_MAX, &value)) return false;
  *out = (const void *)(uintptr_t)value;
  return true;
}

static const char *text_of(const bt_field *field) {
  if (field == NULL || !bt_field_class_type_is(bt_field_get_class_type(field), BT_FIELD_CLASS_TYPE_STRING)) return NULL;
  return bt_field_string_get_value(field);
}

/* Copies an array into scratch memory that lasts until the next array is read. An event has at most one array. */
static uint64_t *get_array(const bt_field *payload, uint64_t at, uint64_t highest, uint32_t *length) {
  static uint64_t *scratch;
  static size_t capacity;
  const bt_field *const array = member(payload, at);
  if (array == NULL || !bt_field_class_type_is(bt_field_get_class_type(array), BT_FIELD_CLASS_TYPE_ARRAY)) return NULL;
  const uint64_t count = bt_field_array_get_length(array);
  if (count > UINT32_MAX) return NULL;
  while (capacity <= count) scratch = must_grow(scratch, capacity, &capacity, sizeof(*scratch));
  for (uint64_t i = 0; i < count; i++) {
    if (!integer_of(bt_field_array_borrow_element_field_by_index_const(array, i), &scratch[i]) || scratch[i] > highest) return NULL;
  }
  *length = (uint32_t)count;
  return scratch;
}

static bool get_addresses(const bt_field *payload, uint64_t at, const uintptr_t **out, uint32_t *length) {
  static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "an address has 64 bits");
  *out = (const uintptr_t *)get_array(payload, at, UINTPTR_MAX, length);
  return *out != NULL;
}

static bool get_counts(const bt_field *payload, uint64_t at, const uint32_t **out, uint32_t *length) {
  uint64_t *const wide = get_array(payload, at, UINT32_MAX, length);
  if (wide == NULL) return false;
  uint32_t *const narrow = (uint32_t *)wide; /* in place: each write lies at or before the read */
  for (uint32_t i = 0; i < *length; i++) {
    const uint32_t value = (uint32_t)wide[i];
    memcpy(&narrow[i], &value, sizeof(value));
  }
  *out = narrow;
  return true;
}

/* ---- Events: bool read_NAME(payload, at, event); `at` are the places of its fields. False if a field is missing or out of its range. ---- */

#define F_NUMBER(f, type, highest) &&get_integer(payload, *at++, highest, &value) && (e->f = (type)value, true)
#define F_PTR(f) &&get_pointer(payload, *at++, &e->f)
#define F_U32(f) F_NUMBER(f, uint32_t, UINT32_MAX)
#define F_U64(f) F_NUMBER(f, uint64_t, UINT64_MAX)
#define F_BYTES(f) F_NUMBER(f, uint64_t, UINT64_MAX)
#define F_TICKS(f) F_NUMBER(f, uint64_t, UINT64_MAX)
#define F_BYTE(f) F_NUMBER(f, uint8_t, UINT8_MAX)
#define F_CLS(f) F_NUMBER(f, uint32_t, UINT32_MAX)
#define F_ENUM(f, e_) F_NUMBER(f, enum e_, e_##_count - 1)
#define F_TEXT(f) &&(e->f = text_of(member(payload, *at++))) != NULL
#define F_ADDRESSES(f, n) &&get_addresses(payload, *at++, &e->f, &e->n)
#define F_COUNTS(f, n) &&get_counts(payload, *at++, &e->f, &e->n)
#define EVENT_READ(name, text, fields) \
  static bool read_##name(const bt_field *payload, const uint64_t *at, struct event_##name *e) { \
    uint64_t value = 0; \
    (void)value, (void)at; \
    return payload != NULL fields; \
  }
HAK_EVENTS(EVENT_READ)

/* The names of the fields of each event, in the order in which they are read. */
#define F_NAME(f) #f,
#undef F_PTR
#undef F_U32
#undef F_U64
#undef F_BYTES
#undef F_TICKS
#undef F_BYTE
#undef F_CLS
#undef F_ENUM
#undef F_TEXT
#undef F_ADDRESSES
#undef F_COUNTS
#define F_PTR(f) F_NAME(f)
#define F_U32(f) F_NAME(f)
#define F_U64(f) F_NAME(f)
#define F_BYTES(f) F_NAME(f)
#define F_TICKS(f) F_NAME(f)
#define F_BYTE(f) F_NAME(f)
#define F_CLS(f) F_NAME(f)
#define F_ENUM(f, e_) F_NAME(f)
#define F_TEXT(f) F_NAME(f)
#define F_ADDRESSES(f, n) F_NAME(f)
#define F_COUNTS(f, n) F_NAME(f)
#define EVENT_FIELDS(name, text, fields) \
  static const char *const fields_of_##name[] = {fields NULL}; \
  static_assert(sizeof(fields_of_##name) / sizeof(char *) <= FIELDS_MAX, "an event has too many fields");
HAK_EVENTS(EVENT_FIELDS)

static unsigned id_of_name(const char *name) {
#define EVENT_NAME(name, text, fields) PROVIDER #name,
  static const char *const names[] = {HAK_EVENTS(EVENT_NAME)};
  for (unsigned id = 0; name != NULL && id < EVENT_COUNT; id++) {
    if (strcmp(names[id], name) == 0) return id;
  }
  return NOT_OURS;
}

static void know(struct known_class *known, const bt_event_class *class) {
#define EVENT_FIELD_NAMES(name, text, fields) fields_of_##name,
  static const char *const *const fields[] = {HAK_EVENTS(EVENT_FIELD_NAMES)};
  const bt_field_class *const payload = bt_event_class_borrow_payload_field_class_const(class);
  const bt_stream_class *const stream = bt_event_class_borrow_stream_class_const(class);
  const bt_field_class *const context = bt_stream_class_borrow_event_common_context_field_class_const(stream);
  *known = (struct known_class){.class = class, .id = id_of_name(bt_event_class_get_name(class))};
  known->vpid = find_member(context, "vpid");
  known->vtid = find_member(context, "vtid");
  known->procname = find_member(context, "procname");
  if (known->id == NOT_OURS) return;
  for (size_t i = 0; fields[known->id][i] != NULL; i++) known->at[i] = find_member(payload, fields[known->id][i]);
}

static const struct known_class *class_of(struct reader *reader, const bt_event_class *class) {
  struct known_class *const known = &reader->cache[((uintptr_t) class >> 4) % CLASS_CACHE];
  if (known->class != class) know(known, class);
  return known;
}

/* ---- The process of an event ---- */

static const bt_value *environment(const bt_event *event, const char *name) {
  const bt_trace *const trace = bt_stream_borrow_trace_const(bt_event_borrow_stream_const(event));
  return bt_trace_borrow_environment_entry_value_by_name_const(trace, name);
}

/* The process id: a context, or for buffers by process the environment of the trace, else 0. */
static uint32_t process_id(const struct known_class *known, const bt_event *event, const bt_field *context) {
  uint64_t value;
  if (get_integer(context, known->vpid, UINT32_MAX, &value)) return (uint32_t)value;
  const bt_value *const vpid = environment(event, "vpid");
  if (vpid != NULL && bt_value_is_signed_integer(vpid)) return (uint32_t)bt_value_integer_signed_get(vpid);
  return 0;
}

/* A trace has millions of operations, and no report says their threads. */
static uint32_t thread_id(const struct known_class *known, const bt_field *context) {
  if (known->id == EVENT_ID_alloc || known->id == EVENT_ID_free || known->id == EVENT_ID_realloc) return 0;
  uint64_t value;
  return get_integer(context, known->vtid, UINT32_MAX, &value) ? (uint32_t)value : 0;
}

static const char *process_name(const struct known_class *known, const bt_event *event, const bt_field *context) {
  const char *const name = text_of(member(context, known->procname));
  if (name != NULL) return name;
  const bt_value *const procname = environment(event, "procname");
  return procname != NULL && bt_value_is_string(procname) ? bt_value_string_get(procname) : "";
}

/* ---- Messages ---- */

static void take_event(struct reader *reader, const bt_message *message) {
  const bt_event *const event = bt_message_event_borrow_event_const(message);
  const struct known_class *const known = class_of(reader, bt_event_borrow_class_const(event));
  if (known->id == NOT_OURS) return;
  const bt_field *const context = bt_event_borrow_common_context_field_const(event);
  const bt_field *const payload = bt_event_borrow_payload_field_const(event);
  const uint32_t pid = process_id(known, event, context);
  if (reader->pid != 0 && pid != reader->pid) return;
  trace_model_thread(reader->model, thread_id(known, context));
  int64_t time_ns = 0;
  if (bt_message_event_borrow_stream_class_default_clock_class_const(message) != NULL) {
    const bt_clock_snapshot *const clock = bt_message_event_borrow_default_clock_snapshot_const(message);
    if (bt_clock_snapshot_get_ns_from_origin(clock, &time_ns) != BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK) {
      bt_current_thread_clear_error();
      time_ns = 0;
    }
  }
  const char *const program = process_name(known, event, context);
  bool good = false;
  switch (known->id) {
#define EVENT_CASE(name, text, fields) \
  case EVENT_ID_##name: { \
    struct event_##name e; \
    good = read_##name(payload, known->at, &e); \
    if (good) trace_on_##name(reader->model, trace_model_process(reader->model, pid, program), time_ns > 0 ? (uint64_t)time_ns : 0, &e); \
    break; \
  }
    HAK_EVENTS(EVENT_CASE)
    default: break;
  }
  if (!good) reader->model->r->lost.invalid++;
  reader->progress->events = reader->model->r->events;
}

/* True to go on. */
static bool take_message(void *context, const bt_message *message) {
  struct reader *const reader = context;
  reader->progress->messages++;
  const unsigned asked = reader->progress->asked;
  if (asked != reader->progress->given) {
    reader->give(reader->model);
    reader->progress->given = asked;
  }
  if (message == NULL) return !reader->progress->stop;
  struct model_losses *const lost = &reader->model->r->lost;
  uint64_t count;
  switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT: take_event(reader, message); break;
    case BT_MESSAGE_TYPE_PACKET_BEGINNING: reader->progress->packets++; break;
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
      if (bt_message_discarded_events_get_count(message, &count) == BT_PROPERTY_AVAILABILITY_AVAILABLE) lost->events_discarded += count;
      else lost->discards_uncounted++;
      break;
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
      if (bt_message_discarded_packets_get_count(message, &count) == BT_PROPERTY_AVAILABILITY_AVAILABLE) lost->packets_discarded += count;
      else lost->discards_uncounted++;
      break;
    default: break;
  }
  return !reader->progress->stop;
}

bool trace_decode(char *const *directories, size_t count, uint32_t pid, struct trace_model *model, struct trace_progress *progress, trace_give *give) {
  struct reader reader = {.model = model, .progress = progress, .pid = pid, .give = give};
  return ctf_graph_run(directories, count, take_message, &reader) && (!progress->stop || fail(TRACE_STOPPED));
}
