/*
 * export.c: hakmem export: the data of a run or a recording in the formats of other tools.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/sandbox.h"
#include "export/export.h"
#include "export/stacks.h"
#include "listen/address.h"
#include "listen/listen.h"
#include "model/symbol_options.h"
#include "push/push.h"
#include "report/load.h"

enum { KEY_PID = 256, KEY_VALUE, KEY_HISTOGRAM, KEY_TABLE, KEY_LIST, KEY_LISTEN, KEY_PROCESSES, KEY_HOST, KEY_FORMAT };

struct options {
  int format; /* enum export_format; -1: none yet */
  bool list;
  const char *output; /* NULL: standard output */
  struct export_options how;
  struct load load;
  struct push push;
  struct listen_options listen; /* no address: it writes a file */
};

static const char *const format_names[] = {
#define FORMAT_NAME(name, part, end, what) #name,
  EXPORT_FORMATS(FORMAT_NAME)};

static const struct argp_option options[] = {
#define FORMAT_OPTION(name, part, end, what) {#name, KEY_FORMAT + EXPORT_##name, NULL, 0, "Write " what, 1},
  EXPORT_FORMATS(FORMAT_OPTION){"output", 'o', "FILE", 0, "Write to FILE (-, which is standard output); all tables or histograms: into the directory FILE", 2},
  LOAD_JOBS_OPTION,
  {"pid", KEY_PID, "PID", 0, "Export this process only, not all of them together", 2},
  {"value", KEY_VALUE, "NAME", 0,
   "What --folded counts: live_bytes (the default), live_blocks, allocated_bytes, allocated_blocks, pinned_bytes, or ns: nanoseconds of refills and drains, "
   "by class",
   2},
  {"histogram", KEY_HISTOGRAM, "NAME", 0, "The histogram that --hgrm writes; a wrong name lists them", 2},
  {"table", KEY_TABLE, "NAME", 0, "The table that --csv writes; a wrong name lists them", 2},
  {"listen", KEY_LISTEN, "ADDR[:PORT]", 0,
   "With --openmetrics: serve the processes of this user on this host to Prometheus, at http://ADDR:PORT/metrics, until SIGINT or SIGTERM. :PORT listens on " LISTEN_ADDRESS
   ", ADDR at port " LISTEN_PORT "; port 0 takes a free one",
   3},
  {"max-processes", KEY_PROCESSES, "N", 0, "With --listen: show at most N processes (100)", 3},
  {"allow-host", KEY_HOST, "NAME", 0,
   "With --listen: answer only requests for http://NAME, localhost, 127.0.0.1, [::1] and the server's own address; may be repeated. A server on a loopback "
   "address always does so",
   3},
  {"list", KEY_LIST, NULL, 0, "List the formats", 4},
  {0},
};

#define VALUE_NAME(name, unit, what) #name "|"
static enum export_value read_value(const char *name, const struct argp_state *state) {
  for (unsigned value = 0; value < VALUE_COUNT; value++) {
    if (strcmp(name, export_value_name[value]) == 0) return value;
  }
  if (strcmp(name, "ns") != 0) {
    argp_error(state, "--value=%s: there is no such value; hakmem help export lists them%s", name, words_meant(name, EXPORT_VALUES(VALUE_NAME) "ns"));
  }
  return VALUE_ns;
}

static void set_part(struct options *o, char *name, enum export_format format, const struct argp_state *state) {
  if (o->format >= 0 && o->format != (int)format) argp_error(state, "--histogram is for --hgrm, --table for --csv");
  o->format = (int)format;
  o->how.part = name;
}

static void set_format(struct options *o, int format, const struct argp_state *state) {
  if (o->format >= 0 && o->format != format) argp_error(state, "--%s and --%s exclude each other", format_names[o->format], format_names[format]);
  o->format = format;
}

static size_t read_processes(const char *text, const struct argp_state *state) {
  char *end;
  const unsigned long count = strtoul(text, &end, 10);
  if (*end != '\0' || text[0] < '0' || text[0] > '9' || count < 1 || count > LISTEN_PROCESSES_MAX) {
    argp_error(state, "--max-processes=%s: give a number from 1 to %d", text, LISTEN_PROCESSES_MAX);
  }
  return count;
}

static error_t check_listen(struct options *o, const struct argp_state *state) {
  if (o->format != EXPORT_openmetrics) argp_error(state, "--listen is for --openmetrics");
  if (o->load.count > 0 || o->load.pid != 0 || o->output != NULL || o->push.url != NULL) {
    argp_error(state, "--listen serves all processes of this user: give it no input, --pid, --output or --push");
  }
  char *host = NULL, *port = NULL;
  if (!address_split(o->listen.address, &host, &port)) {
    argp_error(state, "--listen=%s is no address: write ADDR, ADDR:PORT, [ADDR]:PORT or :PORT", o->listen.address);
  }
  free(host);
  free(port);
  if (o->listen.processes == 0) o->listen.processes = LISTEN_PROCESSES;
  return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  if (key >= KEY_FORMAT && key < KEY_FORMAT + EXPORT_COUNT) {
    set_format(o, key - KEY_FORMAT, state);
    return 0;
  }
  switch (key) {
    case 'o': o->output = argument; return 0;
    case 'j': o->load.jobs = load_jobs(argument, state); return 0;
    case KEY_PID: o->load.pid = load_pid(argument, state); return 0;
    case KEY_VALUE: o->how.value = read_value(argument, state); return 0;
    case KEY_HISTOGRAM: set_part(o, argument, EXPORT_hgrm, state); return 0;
    case KEY_TABLE: set_part(o, argument, EXPORT_csv, state); return 0;
    case KEY_LIST: o->list = true; return 0;
    case KEY_LISTEN: o->listen.address = argument; return 0;
    case KEY_PROCESSES: o->listen.processes = read_processes(argument, state); return 0;
    case KEY_HOST:
      if (o->listen.host_count == LISTEN_HOSTS) argp_error(state, "--allow-host: at most %d names", LISTEN_HOSTS);
      o->listen.hosts[o->listen.host_count++] = argument;
      return 0;
    case ARGP_KEY_ARGS:
      o->load.paths = state->argv + state->next;
      o->load.count = state->argc - state->next;
      return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->push; return 0;
    case ARGP_KEY_END:
      if (o->list) return 0;
      if (o->listen.address != NULL) return check_listen(o, state);
      if (o->listen.processes > 0) argp_error(state, "--max-processes is for --listen");
      if (o->listen.host_count > 0) argp_error(state, "--allow-host is for --listen");
      if (o->push.url != NULL && o->format < 0) o->format = EXPORT_pprof;
      if (o->push.url != NULL && (o->format != EXPORT_pprof || o->output != NULL)) argp_error(state, "--push is for --pprof, without -o");
      if (o->load.count == 0 && o->push.url == NULL) argp_error(state, "there is nothing to export");
      if (o->format < 0) argp_error(state, "choose a format; --list lists them");
      if (o->how.value != VALUE_live_bytes && o->format != EXPORT_folded) argp_error(state, "--value is for --folded");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

/* The first one has an input of its own. */
static const struct argp symbols = {.children = symbol_options};
static const struct argp_child children[] = {{&push_argp, 0, NULL, 3}, {&symbols, 0, NULL, 4}, {0}};

const struct argp export_argp = {
  .options = options,
  .parser = parse,
  .children = children,
  .args_doc = "DIR|FILE|PID...\n--pprof --push=URL [DIR|FILE|PID...]\n--openmetrics --listen=ADDR[:PORT]",
  .doc = "Write what a run or a recording holds in a format of another tool.\v"
         "DIR, FILE and PID are as for hakmem report. Several processes are added up, and a message says which; --pid takes one. The exit code is 0, 1 if "
         "something could not be read or written, or the data do not have what the format shows, 2 for bad usage.",
};

/* CSV and trace events keep the processes apart. */
static void say_merged(const struct page *page, int format) {
  if (page->main->process_count < 2 || format == EXPORT_csv || format == EXPORT_perfetto) return;
  char *const merged = processes_text(page);
  say("added up: %s; --pid=PID exports one of them", merged);
  free(merged);
}

static int export_all(void *context) {
  struct options *const o = context;
  struct page page = {.all = true};
  o->load.keep_spans = o->format == EXPORT_perfetto;
  bool good = load_page(&page, &o->load);
  if (page.main != NULL) {
    if (export_write((enum export_format)o->format, &page, &o->how, o->output != NULL ? o->output : "-")) {
      say_merged(&page, o->format);
    } else {
      say("%s", failure());
      good = false;
    }
  }
  load_free(&page);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_export(int argc, char **argv) {
  struct options o = {.format = -1};
  argp_parse(&export_argp, argc, argv, 0, NULL, &o);
  format_init();
  if (!o.list && o.push.url != NULL) return push_run(&o.push, &o.load);
  if (!o.list && o.listen.address != NULL) {
    if (listen_serve(&o.listen)) return EXIT_DONE;
    say("%s", failure());
    return EXIT_FAILED;
  }
  if (!o.list) return sandbox_run(export_all, &o);
  export_list(stdout);
  return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
