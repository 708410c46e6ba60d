#include "capture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "error.h"
#include "inputs.h"
#include "library.h"
#include "memory.h"
#include "option.h"
#include "workdir.h"

#define LIBRARY_PATH_MAX 256 /* what the library takes as HAKMEM_STATS_FILE, with the zero at the end */
#define PID_DIGITS 10

static const struct argp_option options[] = {
  {"output", 'o', "DIR", 0, "Put the data into DIR, which must be empty or not exist (hakmem-PROGRAM-PID)", 1},
  {"option", 'O', "NAME=VALUE", 0,
   "Set the library's option HAKMEM_NAME for the program; may be repeated (HAKMEM_HELP=1 lists the options)", 1},
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
  c->directory = NULL;
}

static char *stats_path(const struct capture *c, const char *stats) {
  return must_print("%s%s%s", c->directory, *stats != '\0' ? "/" : "", stats);
}

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

static size_t count_stats_files(const char *path) {
  DIR *const directory = opendir(path);
  if (directory == NULL) return 0;
  size_t count = 0;
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (inputs_is_stats(entry->d_name)) count++;
  }
  closedir(directory);
  return count;
}

void capture_finish(struct capture *c, const char *stats) {
  launch_release(&c->launch);
  char *const files = stats_path(c, stats);
  const size_t processes = count_stats_files(files);
  free(files);
  if (processes == 0) {
    say("no process of %s loaded the library, so there is no data: it is linked statically, or set-uid, or it cleared "
        "LD_PRELOAD, or it ended too early", c->program[0]);
    return;
  }
  char *const shown = workdir_quote(c->output != NULL ? c->output : strrchr(c->directory, '/') + 1);
  say("data of %zu process%s is in %s; to see it: hakmem report %s", processes, processes == 1 ? "" : "es", shown, shown);
  free(shown);
  if (c->report) command_report(2, (char *[]){(char *)"hakmem report", c->directory, NULL});
}
