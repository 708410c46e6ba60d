/*
 * load.h: from the arguments of a command to a page: statistics files and traces, read and added up.
 */
#ifndef HAKMEM_TOOLS_LOAD_H
#define HAKMEM_TOOLS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "print.h"

/* `paths` as on the command line, `count` of them, at least one. */
struct load {
  char **paths;
  int count;
  uint32_t pid;                                           /* only this process; 0: all */
  bool keep_spans;                                        /* of a trace, in model_process.spans */
  unsigned live_seconds;                                  /* how long sessions at a relay are read; 0: as usual */
  unsigned jobs;                                          /* processes that read traces; 0: as many as there are processors */
  enum { FLIGHT_NONE, FLIGHT_KILLED, FLIGHT_ALL } flight; /* also the newest events of the flight recorder: of killed processes, of all */
  bool compared; /* with another run, or with a limit: an interrupt then ends the program, because a part of a trace would be compared */
};

/* --pid's argument; ends the program with bad usage if it is no process id. */
struct argp_state;
uint32_t load_pid(const char *argument, const struct argp_state *state);
/* -j's argument, in the same way. */
unsigned load_jobs(const char *argument, const struct argp_state *state);
#define LOAD_JOBS_OPTION \
  { "jobs", 'j', "N", 0, "Read traces with N processes at a time (one for each processor)", 1 }

/*
 * Fills `page` from the readable data. A message names unreadable data, and the rest is still read; then returns false. Also false if there are no
 * data (page->main is NULL).
 */
bool load_page(struct page *page, const struct load *load);
void load_free(struct page *page);

#endif
