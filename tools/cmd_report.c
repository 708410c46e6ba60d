/*
 * hakmem report: reads what a run, a recording or a tracer left, and prints it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "error.h"
#include "format.h"
#include "guard.h"
#include "inputs.h"
#include "memory.h"
#include "print.h"
#include "progress.h"
#include "read.h"

enum { KEY_JSON = 256, KEY_ALL, KEY_PID };

struct options {
  bool json, all;
  uint32_t pid; /* 0: all */
  char **paths;
  int path_count;
};

static const struct argp_option options[] = {
  {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of text; its members are described in hakmem(1)", 1},
  {"all", KEY_ALL, NULL, 0, "Print every class, process, incident and frame, not only the first ones", 1},
  {"pid", KEY_PID, "PID", 0, "Report on this process only", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  char *end;
  switch (key) {
    case KEY_JSON: o->json = true; return 0;
    case KEY_ALL: o->all = true; return 0;
    case KEY_PID: {
      const unsigned long pid = strtoul(argument, &end, 10);
      if (end == argument || *end != '\0' || pid == 0 || pid > UINT32_MAX)
        argp_error(state, "--pid=%s: not a process id", argument);
      o->pid = (uint32_t)pid;
      return 0;
    }
    case ARGP_KEY_ARGS:
      o->paths = state->argv + state->next;
      o->path_count = state->argc - state->next;
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to report on"); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp report_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "DIR|FILE...",
  .doc =
    "Print what runs or recordings hold: lost events, latency histograms, fragmentation, where the memory is, header resets and "
    "shared_fails with their stacks.\v"
    "DIR is a directory written by hakmem run or hakmem record, or one that holds a CTF trace made by hand; FILE is a stats "
    "file or a trace's metadata. The exit code is 0, 1 where something could not be read, 2 for bad usage.",
};

/* Reads the stats files; says what cannot be read and goes on, because the others are still worth it. */
static struct report *read_stats_files(const struct inputs *in, const struct options *o, const char *path, bool *good) {
  if (in->stats_count == 0) return NULL;
  struct report *const r = model_create(SOURCE_STATS, path);
  progress_start("reading stats files");
  for (size_t i = 0; i < in->stats_count; i++) {
    if (!read_stats_file(r, in->stats[i], o->pid)) {
      say("%s", failure());
      *good = false;
    }
    progress_update(i + 1, in->stats_count, "files");
  }
  progress_clear();
  if (r->process_count > 0) {
    model_finish(r);
    return r;
  }
  model_destroy(r);
  return NULL;
}

static struct report *read_trace_directories(const struct inputs *in, const struct options *o, const char *path, bool *good) {
  if (in->trace_count == 0) return NULL;
  struct report *const r = model_create(SOURCE_TRACE, path);
  bool usable = read_traces(r, in->traces, in->trace_count, o->pid);
  if (usable && r->process_count == 0) {
    usable = fail("the trace in %s holds no event of hakmem%s", path,
                  o->pid != 0 ? " by this process" : "; enable hakmem:*, and preload libhakmem-tracepoints.so, too");
  }
  if (usable) {
    model_finish(r);
    return r;
  }
  say("%s", failure());
  *good = false;
  model_destroy(r);
  return NULL;
}

static bool print(const struct page *page, bool json) {
  if (json) {
    if (!print_json(stdout, page)) return false;
  } else {
    print_text(stdout, page);
  }
  return (fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output");
}

static int report(void *context) {
  const struct options *const o = context;
  struct inputs inputs = {0};
  bool good = true;
  const char *const path = o->paths[0];
  for (int i = 0; i < o->path_count; i++) {
    if (inputs_add(&inputs, o->paths[i])) continue;
    say("%s", failure());
    good = false;
  }
  struct page page = {.path = path, .all = o->all};
  struct report *const stats = read_stats_files(&inputs, o, path, &good);
  struct report *const trace = read_trace_directories(&inputs, o, path, &good);
  page.stats = stats;
  page.trace = trace;
  page.main = trace != NULL ? trace : stats;
  page.memory = stats != NULL ? stats : trace;
  if (page.main != NULL) {
    if (!print(&page, o->json)) {
      say("%s", failure());
      good = false;
    }
  } else if (good) {
    say("no data of process %u is in %s", o->pid, path);
    good = false;
  }
  model_destroy(stats);
  model_destroy(trace);
  inputs_fini(&inputs);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_report(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&report_argp, argc, argv, 0, NULL, &o);
  format_init();
  return guard_run(report, &o);
}
