#include "inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/trace/live.h"
#include "outcome.h"
#include "process/process.h"
#include "trace/metadata.h"
#include "unrecorded.h"

#define DEPTH_MAX 12 /* a trace lies at most six levels below the session's directory */
#define ENTRIES_MAX 100000
#define METADATA "metadata"
#define STATS_SUFFIX ".stats"

/* Whether a file of this name in a directory holds statistics: X.stats, or X.stats.N... if another process had X.stats. */
static bool is_stats(const char *name) {
  const char *const suffix = strstr(name, STATS_SUFFIX);
  if (suffix == NULL || suffix == name) return false;
  const char *const rest = suffix + strlen(STATS_SUFFIX);
  return rest[strspn(rest, ".0123456789")] == '\0';
}

static void add(char ***array, size_t *count, size_t *capacity, const char *path) {
  *array = must_grow(*array, *count, capacity, sizeof(**array));
  (*array)[(*count)++] = must_copy(path);
}

static int not_dots(const struct dirent *entry) { return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0; }

/* Does not follow symbolic links: they could form a circle. */
static void search(struct inputs *inputs, const char *path, unsigned depth, size_t *entries) {
  struct dirent **names;
  const int count = depth < DEPTH_MAX ? scandir(path, &names, not_dots, alphasort) : -1;
  for (int i = 0; i < count; i++) {
    char *const below = must_print("%s/%s", path, names[i]->d_name);
    struct stat status;
    if (++*entries <= ENTRIES_MAX && lstat(below, &status) == 0) {
      if (S_ISDIR(status.st_mode)) search(inputs, below, depth + 1, entries);
      if (S_ISREG(status.st_mode) && strcmp(names[i]->d_name, METADATA) == 0) {
        if (metadata_origin(path).is_flight) add(&inputs->flights, &inputs->flight_count, &inputs->flight_capacity, path);
        else add(&inputs->traces, &inputs->trace_count, &inputs->trace_capacity, path);
      }
      if (S_ISREG(status.st_mode) && is_stats(names[i]->d_name)) {
        add(&inputs->stats, &inputs->stats_count, &inputs->stats_capacity, below);
      }
      if (S_ISREG(status.st_mode) && strcmp(names[i]->d_name, UNRECORDED_FILE) == 0) {
        add(&inputs->unrecorded, &inputs->unrecorded_count, &inputs->unrecorded_capacity, below);
      }
      if (S_ISREG(status.st_mode) && strcmp(names[i]->d_name, OUTCOME_FILE) == 0) {
        add(&inputs->outcomes, &inputs->outcome_count, &inputs->outcome_capacity, below);
      }
    }
    free(below);
    free(names[i]);
  }
  if (count >= 0) free(names);
}

/* A recording of the flight recorder that was named by itself is a trace like others. */
static void take_flights(struct inputs *inputs) {
  for (size_t i = 0; i < inputs->flight_count; i++) add(&inputs->traces, &inputs->trace_count, &inputs->trace_capacity, inputs->flights[i]);
  for (size_t i = 0; i < inputs->flight_count; i++) free(inputs->flights[i]);
  inputs->flight_count = 0;
}

static bool add_directory(struct inputs *inputs, const char *path) {
  const size_t before = inputs->stats_count + inputs->trace_count;
  size_t entries = 0;
  search(inputs, path, 0, &entries);
  if (inputs->stats_count + inputs->trace_count == 0) take_flights(inputs);
  if (inputs->stats_count + inputs->trace_count > before) return true;
  if (entries > ENTRIES_MAX) return fail("%s holds too many files; name the directory of the data itself", path);
  return fail("%s holds neither a trace nor statistics files; name what hakmem run or hakmem record wrote, or a trace's directory", path);
}

static bool add_file(struct inputs *inputs, const char *path) {
  const char *const slash = strrchr(path, '/');
  if (strcmp(slash != NULL ? slash + 1 : path, METADATA) == 0) {
    char *const directory = slash == NULL ? must_copy(".") : must_print("%.*s/", (int)(slash - path), path);
    add(&inputs->traces, &inputs->trace_count, &inputs->trace_capacity, directory);
    free(directory);
    return true;
  }
  add(&inputs->stats, &inputs->stats_count, &inputs->stats_capacity, path);
  return true;
}

static bool add_process(struct inputs *inputs, uint32_t pid) {
  char *const path = process_stats_path(pid);
  if (path != NULL) add(&inputs->stats, &inputs->stats_count, &inputs->stats_capacity, path);
  free(path);
  return path != NULL;
}

bool inputs_add(struct inputs *inputs, const char *path) {
  struct stat status;
  uint32_t pid;
  if (*path == '\0') return fail("an argument is empty: name a directory, a file or a process id");
  if (live_is_address(path)) {
    add(&inputs->traces, &inputs->trace_count, &inputs->trace_capacity, path);
    return true;
  }
  if (stat(path, &status) != 0) return process_is_id(path, &pid) ? add_process(inputs, pid) : fail("cannot read %s: %s", path, strerror(errno));
  return S_ISDIR(status.st_mode) ? add_directory(inputs, path) : add_file(inputs, path);
}

void inputs_fini(struct inputs *inputs) {
  for (size_t i = 0; i < inputs->stats_count; i++) free(inputs->stats[i]);
  for (size_t i = 0; i < inputs->trace_count; i++) free(inputs->traces[i]);
  for (size_t i = 0; i < inputs->unrecorded_count; i++) free(inputs->unrecorded[i]);
  for (size_t i = 0; i < inputs->outcome_count; i++) free(inputs->outcomes[i]);
  for (size_t i = 0; i < inputs->flight_count; i++) free(inputs->flights[i]);
  free(inputs->flights);
  free(inputs->outcomes);
  free(inputs->unrecorded);
  free(inputs->stats);
  free(inputs->traces);
  *inputs = (struct inputs){0};
}
