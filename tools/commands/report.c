/*
 * report.c: hakmem report: reads the data of a run, a recording or a tracer, and prints them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compare/growth.h"
#include "common/error.h"
#include "common/format.h"
#include "common/sandbox.h"
#include "explain/explain.h"
#include "model/symbol_options.h"
#include "report/json/json.h"
#include "report/load.h"
#include "report/sites.h"

enum { KEY_JSON = 256, KEY_ALL, KEY_PID, KEY_SINCE, KEY_FOLDED, KEY_SECTION, KEY_SUMMARY, KEY_BY, KEY_FOR };

struct options {
  bool json, all, folded, summary;
  bool slab_maps; /* in JSON */
  char *since, *section;
  enum group_by by;
  struct load load;
};

static const struct argp_option options[] = {
  {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of text; hakmem-json(5) describes its members", 1},
  {"all", KEY_ALL, NULL, 0, "Print every class, process, incident and frame, not only the first ones", 1},
  LOAD_JOBS_OPTION,
  {"pid", KEY_PID, "PID", 0, "Report on this process only", 1},
  {"by", KEY_BY, "host|program|process", 0, "Also print figures by host, program or process; the same process id on two hosts is two processes", 1},
  {"for", KEY_FOR, "SECONDS", 0, "Read a session at a relay for this many seconds (10), or until it ends or an interrupt comes", 1},
  {"since", KEY_SINCE, "OLD", 0,
   "Print only the growth of the live heap since OLD, by call site; OLD is an earlier copy of DIR or FILE, or another run "
   "(needs processes that ran with HAKMEM_PROFILE)",
   1},
  {"folded", KEY_FOLDED, NULL, 0, "Print only the live heap, one line for each call site, for flame graph tools: main;parse;copy_name BYTES", 1},
  {"summary", KEY_SUMMARY, NULL, 0, "Print only the first screen", 1},
  {"section", KEY_SECTION, "NAME", 0, "Print only this section; --section=help lists them. With --json: slabs, which adds the maps of all slabs", 1},
  {0},
};

#define SECTION_NAME(name, what) #name "|"
static char *read_section(char *name, const struct argp_state *state) {
  if (strcmp(name, "help") == 0) {
    print_section_names(stdout);
    exit(EXIT_DONE);
  }
  if (!print_section(NULL, NULL, name)) {
    argp_error(state, "--section=%s: there is no such section; --section=help lists them%s", name, words_meant(name, PRINT_SECTIONS(SECTION_NAME)));
  }
  return name;
}

#define GROUPING_NAME(constant, name) name "|"
static unsigned read_seconds(const char *argument, const struct argp_state *state) {
  char *end;
  const unsigned long seconds = strtoul(argument, &end, 10);
  if (end == argument || *end != '\0' || seconds == 0 || seconds > 86400) argp_error(state, "--for=%s: not a number of seconds from 1 to 86400", argument);
  return (unsigned)seconds;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case KEY_JSON: o->json = true; return 0;
    case KEY_ALL: o->all = true; return 0;
    case KEY_SINCE: o->since = argument; return 0;
    case KEY_FOLDED: o->folded = true; return 0;
    case KEY_SUMMARY: o->summary = true; return 0;
    case KEY_BY:
      if (!group_by_read(argument, &o->by))
        argp_error(state, "--by=%s: not host, program or process%s", argument, words_meant(argument, GROUPINGS(GROUPING_NAME)));
      return 0;
    case KEY_FOR: o->load.live_seconds = read_seconds(argument, state); return 0;
    case KEY_SECTION: o->section = read_section(argument, state); return 0;
    case 'j': o->load.jobs = load_jobs(argument, state); return 0;
    case KEY_PID: o->load.pid = load_pid(argument, state); return 0;
    case ARGP_KEY_ARGS:
      o->load.paths = state->argv + state->next;
      o->load.count = state->argc - state->next;
      return 0;
    case ARGP_KEY_END:
      if (o->json && o->since == NULL && o->section != NULL && strcmp(o->section, "slabs") == 0) {
        o->slab_maps = true;
        o->section = NULL;
      }
      if (o->folded + o->summary + (o->json || o->since != NULL) + (o->section != NULL) > 1) {
        argp_error(state, "--json and --since exclude --folded, --summary and --section, which exclude each other");
      }
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is nothing to report on"); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp report_argp = {
  .options = options,
  .parser = parse,
  .children = symbol_options,
  .args_doc = "DIR|FILE|PID|net://RELAY/host/HOST/SESSION...",
  .doc = "Print what runs or recordings hold: lost events, latency histograms, fragmentation, where the memory is, header resets and "
         "shared_fails with their stacks.\v"
         "DIR is a directory written by hakmem run or hakmem record, or one that holds a CTF trace made by hand; FILE is a stats "
         "file or a trace's metadata; PID is a running process that keeps statistics: one of hakmem run or hakmem record, or with HAKMEM_STATS_FILE. "
         "It is shown as it is now, if its memory can be read. "
         "net://RELAY[:PORT]/host/HOST/SESSION is a program that hakmem record --to sends to an LTTng relay daemon: it is read while it runs. "
         "Directories may be of several hosts, as the relay wrote them. A process counts once, also if several files have it. "
         "The exit code is 0, 1 if something could not be read, 2 for bad usage.",
};

static bool has_profile(const struct page *page) {
  for (size_t i = 0; page->stats != NULL && i < page->stats->process_count; i++) {
    if (page->stats->processes[i]->profiles[PROFILE_LAST] != NULL) return true;
  }
  return false;
}

static bool has_sites(const struct page *page) {
  size_t count = 0;
  struct site *const sites = page->stats != NULL ? sites_fold(page->stats, &count) : NULL;
  sites_free(sites, count);
  return count > 0;
}

/* Sets the failure: why there are no call sites. */
static bool has_no_sites(const struct page *page) {
  const struct report *const r = page->stats;
  const struct model_process *const alive = r != NULL && r->process_count == 1 && model_is_alive(r->processes[0]) ? r->processes[0] : NULL;
  if (model_has_merge(page->main))
    return fail("%s is a merge, which has no call sites: their addresses belong to one process. Read the runs themselves", page->path);
  if (has_profile(page)) return fail("the profile of %s has no live block", page->path);
  if (alive != NULL && alive->profile != 0)
    return fail("process %" PRIu32 " has not written its profile yet: it does so after at most 100 ms of work", alive->pid);
  if (alive != NULL)
    return fail("process %" PRIu32 " has no profile of its live heap; hakmem set %" PRIu32 " PROFILE=512K switches it on", alive->pid, alive->pid);
  return fail("%s has no live heap by call site: run the program with HAKMEM_PROFILE=512K in its environment", page->path);
}

/* Like print_growth. */
static bool print_growth_json(const struct page *before, const struct page *after) {
  json_t *const growth = json_growth(before, after);
  if (growth == NULL) return false;
  json_t *const root = json_pack("{siso}", "schema", JSON_SCHEMA, "growth", growth);
  set(root, "since", text(before->path));
  set(root, "path", text(after->path));
  return json_write(stdout, root);
}

/* The findings of the first screen are in the JSON, too. */
static bool print_json(const struct page *page) {
  struct diagnosis *const d = diagnosis_create(page);
  json_t *const root = json_of_page(page), *const diagnosis = json_of_diagnosis(d);
  json_object_set(root, "time_ns", json_object_get(diagnosis, "time_ns"));
  json_object_set(root, "findings", json_object_get(diagnosis, "findings"));
  json_decref(diagnosis);
  diagnosis_destroy(d);
  return json_write(stdout, root);
}

static bool print_since(const struct page *before, const struct page *page, const struct options *o) {
  const bool any = o->json ? print_growth_json(before, page) : print_growth(stdout, before, page);
  return any || has_no_sites(!has_sites(before) ? before : page);
}

/* `before` is empty without --since. */
static bool print(const struct page *before, const struct page *page, const struct options *o) {
  if (o->since != NULL) {
    if (!print_since(before, page, o)) return false;
  } else if (o->json) {
    if (!print_json(page)) return false;
  } else if (o->folded) {
    if (!print_folded(stdout, page)) return has_no_sites(page);
    print_replaced(stderr);
  } else if (o->section != NULL && strcmp(o->section, "sites") == 0 && !has_profile(page)) {
    has_no_sites(page); /* an empty section is no failure */
    say("%s", failure());
  } else if (o->section != NULL) {
    print_section(stdout, page, o->section);
  } else {
    struct diagnosis *const d = diagnosis_create(page);
    explain_first_screen(stdout, d);
    diagnosis_destroy(d);
    if (!o->summary) {
      putchar('\n');
      print_text(stdout, page);
    }
  }
  return (fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output");
}

static int report(void *context) {
  const struct options *const o = context;
  struct page page = {.all = o->all, .slab_maps = o->slab_maps, .by = o->by};
  struct load load = o->load;
  const bool wants_flight = !o->folded && !o->summary && o->since == NULL && (o->section == NULL || strcmp(o->section, "flight") == 0);
  load.flight = wants_flight ? FLIGHT_ALL : o->summary ? FLIGHT_KILLED : FLIGHT_NONE;
  bool good = load_page(&page, &load);
  struct page before = {.all = o->all};
  if (o->since != NULL) {
    load.paths = (char **)&o->since;
    load.count = 1;
    good = load_page(&before, &load) && good;
  }
  const bool is_there = page.main != NULL && (o->since == NULL || before.main != NULL);
  if (is_there && !print(&before, &page, o)) {
    say("%s", failure());
    good = false;
  }
  load_free(&before);
  load_free(&page);
  return good ? EXIT_DONE : EXIT_FAILED;
}

int command_report(int argc, char **argv) {
  struct options o = {0};
  argp_parse(&report_argp, argc, argv, 0, NULL, &o);
  format_init();
  return sandbox_run(report, &o);
}

void report_on(char *directory) { command_report(2, (char *[]){(char *)"hakmem report", directory, NULL}); }
