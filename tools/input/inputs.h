/*
 * inputs.h: the statistics files and traces that the arguments of a command name, also those in directories.
 */
#ifndef HAKMEM_TOOLS_INPUTS_H
#define HAKMEM_TOOLS_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

struct inputs {
  char **stats; /* files */
  size_t stats_count, stats_capacity;
  char **traces; /* directories with metadata in them, and addresses of sessions at a relay */
  size_t trace_count, trace_capacity;
  char **flights; /* the same, of the flight recorder, beside statistics */
  size_t flight_count, flight_capacity;
  char **unrecorded; /* lists of processes that were not recorded (unrecorded.h) */
  size_t unrecorded_count, unrecorded_capacity;
  char **outcomes; /* how programs ended (outcome.h) */
  size_t outcome_count, outcome_capacity;
};

/* Adds what `path` names; if there is no such file, and it is a number, the process of this id. A directory that holds nothing of ours, and a file that is nothing of ours, is a failure. */
bool inputs_add(struct inputs *inputs, const char *path);
void inputs_fini(struct inputs *inputs);

#endif
