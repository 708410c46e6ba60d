/*
 * live_check.c: asks a relay for its sessions, by babeltrace2's query "sessions".
 */
#include <babeltrace2/babeltrace.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "ctf_graph.h"
#include "live.h"

#define LISTED_MAX 1000 /* characters */

/* The sessions at a relay, an array of maps; NULL, with a failure set, if it does not answer. */
static const bt_value *ask(const bt_component_class_source *class, const char *relay) {
  const bt_value *sessions = NULL;
  bt_value *const parameters = bt_value_map_create();
  bt_query_executor *executor = NULL;
  if (parameters != NULL && bt_value_map_insert_string_entry(parameters, "url", relay) == BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK) {
    executor = bt_query_executor_create(bt_component_class_source_as_component_class_const(class), "sessions", parameters);
  }
  const bool answered = executor != NULL && bt_query_executor_query(executor, &sessions) == BT_QUERY_EXECUTOR_QUERY_STATUS_OK;
  bt_query_executor_put_ref(executor);
  bt_value_put_ref(parameters);
  if (answered && sessions != NULL && bt_value_is_array(sessions)) return sessions;
  bt_current_thread_clear_error();
  fail("no LTTng relay daemon answers at %s; lttng-relayd shows live sessions only at port 5344 of its own machine, unless --live-port names another address",
       relay);
  return NULL;
}

static const char *entry(const bt_value *session, const char *key) {
  const bt_value *const value = bt_value_is_map(session) ? bt_value_map_borrow_entry_value_const(session, key) : NULL;
  return value != NULL && bt_value_is_string(value) ? bt_value_string_get(value) : "";
}

/* Whether `wanted` ("/host/HOST/SESSION") is among the sessions. If not, *listed names them. */
static bool find(const bt_value *sessions, const char *wanted, char **listed) {
  const uint64_t count = bt_value_array_get_length(sessions);
  bool found = false;
  for (uint64_t i = 0; i < count; i++) {
    const bt_value *const one = bt_value_array_borrow_element_by_index_const(sessions, i);
    char *const path = must_print("/host/%s/%s", entry(one, "target-hostname"), entry(one, "session-name"));
    found = found || strcmp(path, wanted) == 0;
    if (strlen(*listed) < LISTED_MAX) {
      char *const longer = must_print("%s%s%s", *listed, **listed != '\0' ? ", " : "", path);
      free(*listed);
      *listed = longer;
    }
    free(path);
  }
  return found;
}

bool live_check(const char *address) {
  const char *const host = strstr(address, "://") + 3, *const path = host + strcspn(host, "/");
  const bt_plugin *const ctf = ctf_graph_plugin("ctf");
  const bt_component_class_source *const class = ctf != NULL ? bt_plugin_borrow_source_component_class_by_name_const(ctf, "lttng-live") : NULL;
  char *const relay = must_print("%.*s", (int)(path - address), address), *listed = must_copy("");
  const bt_value *const sessions = class != NULL ? ask(class, relay) : NULL;
  const bool found = sessions != NULL && find(sessions, path, &listed);
  if (sessions != NULL && !found) {
    fail("there is no session %s at %s now; %s%s", *path != '\0' && strcmp(path, "/") != 0 ? path : "without a name", relay,
         *listed != '\0' ? "there are: " : "there is none: what has ended lies in ~/lttng-traces/HOST on that machine", listed);
  }
  bt_value_put_ref(sessions);
  bt_plugin_put_ref(ctf);
  free(listed);
  free(relay);
  return found;
}
