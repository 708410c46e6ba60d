/*
 * ctf_graph.h: a babeltrace2 graph that reads CTF traces and passes on their messages in order of time. A session at a relay (live.h) is one source, too.
 *
 *   source.ctf.fs (one for each trace) ──┐
 *   source.ctf.fs ───────────────────────┴─ filter.utils.muxer ── sink: the callback
 *
 * A single stream needs no muxer.
 */
#ifndef HAKMEM_TOOLS_CTF_GRAPH_H
#define HAKMEM_TOOLS_CTF_GRAPH_H

#include <babeltrace2/babeltrace.h>
#include <stdbool.h>
#include <stddef.h>

/* Called for each message; the message is borrowed. NULL: a relay has nothing yet. False: read no further. */
typedef bool ctf_graph_callback(void *context, const bt_message *message);

/* Reads the traces to their end, or until the callback has enough. False, with a failure set, if babeltrace2 is incomplete or a trace is damaged. */
bool ctf_graph_run(char *const *directories, size_t count, ctf_graph_callback *callback, void *context);

/* babeltrace2's plugin of this name, NULL with a failure set. The caller gives its reference back. */
const bt_plugin *ctf_graph_plugin(const char *name);

#endif
