/*
 * A stand-in for babeltrace2's own plugin "ctf": gives a few events of hakmem and then does what babeltrace2 does on some damaged traces,
 * as BROKEN_CTF says: it hangs, crashes, takes all memory or fails. A trace whose directory's name begins with "sound" ends well; if that name ends with a
 * number, this is its process. BROKEN_CTF=slow gives an event every millisecond for ever; BROKEN_EVENTS is the number of events.
 */
#include <babeltrace2/babeltrace.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENTS 100 /* babeltrace2 hands them on by fifteen: those of the last batch are lost */

BT_PLUGIN_MODULE();
BT_PLUGIN(ctf);

static bt_stream *stream;
static bt_event_class *event_class;
static bool is_sound;
static unsigned events = EVENTS;

/* The last name of the path of the first input. */
static const char *directory_of(const bt_value *parameters) {
  const bt_value *const inputs = bt_value_map_borrow_entry_value_const(parameters, "inputs");
  const char *const path = bt_value_string_get(bt_value_array_borrow_element_by_index_const(inputs, 0)), *const slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

static bt_component_class_initialize_method_status initialize(bt_self_component_source *self, bt_self_component_source_configuration *configuration,
                                                              const bt_value *parameters, void *data) {
  (void)configuration, (void)data;
  const char *const directory = directory_of(parameters), *const number_of_events = getenv("BROKEN_EVENTS");
  is_sound = strncmp(directory, "sound", 5) == 0;
  if (number_of_events != NULL) events = (unsigned)atoi(number_of_events);
  bt_trace_class *const trace_class = bt_trace_class_create(bt_self_component_source_as_self_component(self));
  bt_stream_class *const stream_class = bt_stream_class_create(trace_class);
  event_class = bt_event_class_create(stream_class);
  bt_event_class_set_name(event_class, "hakmem:thread_start");
  bt_field_class *const payload = bt_field_class_structure_create(trace_class), *const number = bt_field_class_integer_unsigned_create(trace_class);
  bt_field_class_structure_append_member(payload, "live_caches", number);
  bt_event_class_set_payload_field_class(event_class, payload);
  bt_trace *const trace = bt_trace_create(trace_class);
  bt_trace_set_environment_entry_integer(trace, "vpid", atoi(directory + strcspn(directory, "0123456789")));
  stream = bt_stream_create(stream_class, trace);
  bt_self_component_source_add_output_port(self, "out", NULL, NULL);
  return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

static _Noreturn void misbehave(const char *how) {
  if (strcmp(how, "crash") == 0) raise(SIGSEGV);
  if (strcmp(how, "memory") == 0) {
    for (;;) memset(malloc(1 << 24), 1, 1 << 24); /* writes to NULL once there is no more */
  }
  for (;;) {}
}

static bt_message_iterator_class_next_method_status next(bt_self_message_iterator *self, bt_message_array_const messages, uint64_t capacity, uint64_t *count) {
  static unsigned given;
  const char *const how = getenv("BROKEN_CTF");
  if (given > events && is_sound) return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_END;
  if (strcmp(how, "slow") == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  else if (given > events) {
    if (strcmp(how, "fail") == 0) return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_ERROR;
    misbehave(how);
  }
  (void)capacity;
  *count = 1;
  if (given++ == 0) {
    messages[0] = bt_message_stream_beginning_create(self, stream);
    return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK;
  }
  bt_message *const message = bt_message_event_create(self, event_class, stream);
  bt_field *const payload = bt_event_borrow_payload_field(bt_message_event_borrow_event(message));
  bt_field_integer_unsigned_set_value(bt_field_structure_borrow_member_field_by_index(payload, 0), given);
  messages[0] = message;
  return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK;
}

BT_PLUGIN_SOURCE_COMPONENT_CLASS(fs, next);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_INITIALIZE_METHOD(fs, initialize);
