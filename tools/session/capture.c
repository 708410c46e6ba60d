#include "capture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/error.h"
#include "library.h"
#include "common/memory.h"
#include "option.h"
#include "program.h"
#include "input/outcome.h"
#include "input/unrecorded.h"
#include "watch.h"
#include "input/whole.h"
#include "symbols/jit_map.h"
#include "common/workdir.h"

#define LIBRARY_PATH_MAX 256 /* the longest HAKMEM_STATS_FILE of the library, with the zero at the end */
#define PID_DIGITS 10
#define UNRECORDED_SHOWN 5 /* on standard error */

static const struct argp_option options[] = {
  {"output", 'o', "DIR", 0, "Put the data into DIR, which must be empty or new (hakmem-PROGRAM-PID)", 1},
  {"option", 'O', "NAME=VALUE", 0, "Set option HAKMEM_NAME of the library for the program; may be repeated (libhakmem(7) lists the options)", 1},
  {"report", 'r', NULL, 0, "Print the report at the end", 1},
  {0},
};

static void set_option(struct capture *c, const char *text, struct argp_state *state) {
  char *name;
  const char *value;
  if (!option_read(text, &name, &value)) argp_error(state, "%s", failure());
  launch_set(&c->launch, name, value);
  free(name);
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct capture *const c = state->input;
  switch (key) {
    case 'o': c->output = argument; return 0;
    case 'r': c->report = true; return 0;
    case 'O': set_option(c, argument, state); return 0;
    case ARGP_KEY_ARG:
      c->program = &state->argv[state->next - 1];
      state->next = state->argc;
      return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "there is no program to run"); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp capture_argp = {.options = options, .parser = parse};

void capture_init(struct capture *c) {
  memset(c, 0, sizeof(*c));
  launch_init(&c->launch, NULL);
}

void capture_fini(struct capture *c) {
  launch_fini(&c->launch);
  free(c->directory);
  watch_destroy(c->watch);
  c->directory = NULL;
  c->watch = NULL;
}

static char *stats_path(const struct capture *c, const char *stats) { return must_print("%s%s%s", c->directory, *stats != '\0' ? "/" : "", stats); }

static bool prepare_stats(struct capture *c, const char *stats) {
  if (*stats != '\0') {
    char *const directory = workdir_sub(c->directory, stats);
    if (directory == NULL) return false;
    free(directory);
  }
  char *const directory = stats_path(c, stats);
  char *const pattern = must_print("%s/%%p.stats", directory);
  const bool fits = strlen(pattern) + PID_DIGITS < LIBRARY_PATH_MAX;
  if (fits) launch_set(&c->launch, "HAKMEM_STATS_FILE", pattern);
  if (!fits) fail("the path %s is too long for the library; name a shorter one with -o", directory);
  free(pattern);
  free(directory);
  return fits;
}

bool capture_prepare(struct capture *c, const char *stats) {
  c->launch.argv = c->program;
  if (!program_check(c->program[0])) return fail("%s; the program was not started", failure());
  option_rename(&c->launch);
  char *const library = library_find(LIBRARY_ALLOCATOR);
  if (library == NULL) return false;
  launch_preload(&c->launch, library);
  free(library);
  c->directory = workdir_create(c->output, c->program[0]);
  if (c->directory == NULL) return false;
  if (prepare_stats(c, stats)) return true;
  capture_abandon(c);
  return false;
}

void capture_abandon(struct capture *c) {
  DIR *const directory = c->directory != NULL ? opendir(c->directory) : NULL;
  if (directory == NULL) return;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *const path = must_print("%s/%s", c->directory, entry->d_name);
    workdir_remove(path);
    free(path);
  }
  closedir(directory);
  workdir_remove_empty(c->directory);
}

static uint64_t look(void *watch) { return watch_look(watch); }

int capture_wait(struct capture *c) {
  c->watch = watch_create(c->launch.pid);
  return launch_wait(&c->launch, look, c->watch);
}

/* Lists the first few on standard error, all in a file for the report. */
static void tell_unrecorded(const struct capture *c, const struct unrecorded_list *list) {
  if (list->count == 0) return;
  char *const path = must_print("%s/" UNRECORDED_FILE, c->directory);
  if (!unrecorded_write(list, path)) say("%s", failure());
  free(path);
  const size_t shown = list->count < UNRECORDED_SHOWN ? list->count : UNRECORDED_SHOWN;
  for (size_t i = 0; i < shown; i++) {
    say("not recorded: process %u, %s, %s", list->entries[i].pid, list->entries[i].program, list->entries[i].why);
  }
  if (list->count > shown) say("not recorded: %zu more process%s; the report lists all", list->count - shown, list->count - shown == 1 ? "" : "es");
}

static bool tell_data(const struct capture *c, const struct whole *whole) {
  char *const shown = workdir_quote(c->output != NULL ? c->output : strrchr(c->directory, '/') + 1);
  if (whole->processes > 0) {
    say("data of %zu process%s is in %s%s; to see it: hakmem report %s", whole->processes, whole->processes == 1 ? "" : "es", shown,
        whole->missing > 0 ? ", and other data are missing" : "", shown);
  } else if (whole->missing > 0) {
    say("the data in %s are incomplete; to see them: hakmem report %s", shown, shown);
  } else {
    say("no process of %s loaded the library, so there is no data: LD_PRELOAD was cleared, or the library could not be read", c->program[0]);
  }
  free(shown);
  return whole->processes > 0 && whole->missing == 0;
}

/* For the report: the program's own statistics do not have its exit code. */
static void keep_outcome(const struct capture *c) {
  const struct launch *const l = &c->launch;
  if (l->ended == 0) return;
  char *const path = must_print("%s/" OUTCOME_FILE, c->directory);
  const int status = l->status;
  const struct outcome outcome = {.pid = (uint32_t)l->ended,
                                  .by_signal = WIFSIGNALED(status),
                                  .number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                                  .end_ns = l->end_ns,
                                  .rss_max = l->rss_max};
  if (!outcome_write(path, &outcome)) say("%s", failure());
  free(path);
}

static void keep_jit_maps(const struct capture *c, const char *stats) {
  char *const directory = stats_path(c, stats);
  jit_map_keep(directory, c->directory);
  free(directory);
}

bool capture_finish(struct capture *c, const char *stats, bool with_trace) {
  launch_release(&c->launch);
  keep_outcome(c);
  keep_jit_maps(c, stats);
  const struct unrecorded_list *const unrecorded = watch_result(c->watch);
  const struct whole whole = whole_check(c->directory, with_trace);
  tell_unrecorded(c, unrecorded);
  c->has_data = whole.processes > 0;
  return tell_data(c, &whole);
}
