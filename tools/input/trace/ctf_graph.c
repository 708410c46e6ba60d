#include "ctf_graph.h"

#include <stdlib.h>
#include <time.h>

#include "common/error.h"
#include "common/memory.h"
#include "live.h"

#define QUIET_NS 50000000 /* between two questions to a relay that has nothing yet */

struct sink {
  ctf_graph_callback *callback;
  void *context;
  bool has_enough;
};

/* Sets the failure to babeltrace2's message: the first cause is the origin. */
static bool babeltrace_failed(const char *what) {
  const bt_error *const error = bt_current_thread_take_error();
  if (error == NULL) return fail("%s", what);
  if (bt_error_get_cause_count(error) > 0) {
    fail("%s: %s", what, bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, 0)));
  } else {
    fail("%s", what);
  }
  bt_error_release(error);
  return false;
}

const bt_plugin *ctf_graph_plugin(const char *name) {
  const bt_plugin *plugin = NULL;
  if (bt_plugin_find(name, BT_TRUE, BT_FALSE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin) == BT_PLUGIN_FIND_STATUS_OK) return plugin;
  babeltrace_failed("cannot look for babeltrace2's plugins");
  fail("babeltrace2's plugin \"%s\" is missing; install the package libbabeltrace2-0", name);
  return NULL;
}

static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator, void *data) {
  struct sink *const sink = data;
  bt_message_array_const messages;
  uint64_t count;
  switch (bt_message_iterator_next(iterator, &messages, &count)) {
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_OK: break;
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_END: return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN: return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_AGAIN;
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_MEMORY_ERROR: return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_MEMORY_ERROR;
    default: return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_ERROR;
  }
  for (uint64_t i = 0; i < count; i++) {
    if (!sink->has_enough && !sink->callback(sink->context, messages[i])) sink->has_enough = true;
    bt_message_put_ref(messages[i]);
  }
  if (sink->has_enough) return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
  return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}

/* Adds the source for the trace in `directory`. */
static const bt_component_source *add_source(bt_graph *graph, const bt_plugin *ctf, const char *directory, size_t index) {
  const bool is_live = live_is_address(directory);
  const bt_component_class_source *const class = bt_plugin_borrow_source_component_class_by_name_const(ctf, is_live ? "lttng-live" : "fs");
  const bt_component_source *source = NULL;
  bt_value *const parameters = bt_value_map_create(), *inputs = NULL;
  char *const name = must_print("trace%zu", index);
  if (class != NULL && parameters != NULL && bt_value_map_insert_empty_array_entry(parameters, "inputs", &inputs) == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK &&
      bt_value_array_append_string_element(inputs, directory) == BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK &&
      (!is_live || bt_value_map_insert_string_entry(parameters, "session-not-found-action", "end") == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK) &&
      bt_graph_add_source_component(graph, class, name, parameters, BT_LOGGING_LEVEL_NONE, &source) != BT_GRAPH_ADD_COMPONENT_STATUS_OK) {
    source = NULL;
  }
  if (source == NULL) {
    char *const what = must_print("libbabeltrace2 cannot open %s", directory);
    babeltrace_failed(what);
    free(what);
  }
  free(name);
  bt_value_put_ref(parameters);
  return source;
}

/* Connects each of the source's streams to the muxer, which always has one free input, its last. */
static bool connect_source(bt_graph *graph, const bt_component_source *source, const bt_component_filter *muxer) {
  const uint64_t streams = bt_component_source_get_output_port_count(source);
  for (uint64_t i = 0; i < streams; i++) {
    const bt_port_output *const out = bt_component_source_borrow_output_port_by_index_const(source, i);
    const uint64_t inputs = bt_component_filter_get_input_port_count(muxer);
    const bt_port_input *const in = bt_component_filter_borrow_input_port_by_index_const(muxer, inputs - 1);
    if (bt_graph_connect_ports(graph, out, in, NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK) {
      return babeltrace_failed("cannot open a stream of the trace");
    }
  }
  return true;
}

/* Adds sources, muxer and sink, and connects them. *streams is the number of streams found. */
static bool build(bt_graph *graph, const bt_plugin *ctf, const bt_plugin *utils, char *const *directories, size_t count, struct sink *sink_data,
                  uint64_t *streams) {
  const bt_component_class_filter *const class = bt_plugin_borrow_filter_component_class_by_name_const(utils, "muxer");
  const bt_component_filter *muxer = NULL;
  const bt_component_sink *sink = NULL;
  if (class == NULL || bt_graph_add_filter_component(graph, class, "muxer", NULL, BT_LOGGING_LEVEL_NONE, &muxer) != BT_GRAPH_ADD_COMPONENT_STATUS_OK ||
      bt_graph_add_simple_sink_component(graph, "model", NULL, consume, NULL, sink_data, &sink) != BT_GRAPH_ADD_COMPONENT_STATUS_OK) {
    return babeltrace_failed("cannot build a babeltrace2 graph");
  }
  for (size_t i = 0; i < count; i++) {
    if (live_is_address(directories[i]) && !live_check(directories[i])) return false;
    const bt_component_source *const source = add_source(graph, ctf, directories[i], i);
    if (source == NULL || !connect_source(graph, source, muxer)) return false;
    *streams += bt_component_source_get_output_port_count(source);
  }
  const bt_port_output *const out = bt_component_filter_borrow_output_port_by_index_const(muxer, 0);
  const bt_port_input *const in = bt_component_sink_borrow_input_port_by_index_const(sink, 0);
  return bt_graph_connect_ports(graph, out, in, NULL) == BT_GRAPH_CONNECT_PORTS_STATUS_OK || babeltrace_failed("cannot connect a babeltrace2 graph");
}

static bool run(bt_graph *graph, const struct sink *sink) {
  for (;;) {
    bt_current_thread_clear_error(); /* some damaged traces leave an error behind a success, and the next call would fail on it */
    switch (bt_graph_run_once(graph)) {
      case BT_GRAPH_RUN_ONCE_STATUS_OK: break;
      case BT_GRAPH_RUN_ONCE_STATUS_AGAIN:
        if (!sink->callback(sink->context, NULL)) return true;
        nanosleep(&(const struct timespec){.tv_nsec = QUIET_NS}, NULL);
        break;
      case BT_GRAPH_RUN_ONCE_STATUS_END: return true;
      default: return babeltrace_failed("the trace is damaged or cut off");
    }
  }
}

bool ctf_graph_run(char *const *directories, size_t count, ctf_graph_callback *callback, void *context) {
  const bt_plugin *const ctf = ctf_graph_plugin("ctf"), *const utils = ctf != NULL ? ctf_graph_plugin("utils") : NULL;
  bt_graph *const graph = utils != NULL ? bt_graph_create(0) : NULL;
  struct sink sink = {.callback = callback, .context = context};
  uint64_t streams = 0;
  const bool good = graph != NULL && build(graph, ctf, utils, directories, count, &sink, &streams) && (streams == 0 || run(graph, &sink));
  bt_graph_put_ref(graph);
  bt_plugin_put_ref(utils);
  bt_plugin_put_ref(ctf);
  return good;
}
