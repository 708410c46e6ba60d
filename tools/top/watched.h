/*
 * watched.h: the process whose details are shown: all that `hakmem report PID` reads of it, again and again, and what changed since the last time.
 */
#ifndef HAKMEM_TOOLS_TOP_WATCHED_H
#define HAKMEM_TOOLS_TOP_WATCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "report/print.h"

#define WATCHED_HISTORY 120 /* points of the sparklines */

/* Calls a second of a class; malloc, calloc and realloc on one side, free on the other. */
struct watched_rate {
  double allocs, frees;
};

struct watched {
  uint32_t pid;
  char *path; /* its statistics file */
  struct page page;
  const struct model_process *p; /* of page.stats; NULL before the first refresh */
  bool is_gone;                  /* it has ended, and the figures are the last ones */
  char *trouble;                 /* why the last refresh failed; NULL: it did not */
  double as_of, since;
  struct watched_rate rates[CLASS_ROWS], rate; /* each class, and all */
  bool has_rates;
  uint64_t history_rss[WATCHED_HISTORY], history_live[WATCHED_HISTORY], history_calls[WATCHED_HISTORY];
  unsigned history_length;
  double last_incident; /* when their number grew; 0: not yet */
};

struct watched *watched_create(uint32_t pid, const char *path);
void watched_destroy(struct watched *w);
void watched_refresh(struct watched *w, double now);

/* Errors of the program and refusals of the shared pool. */
uint64_t watched_incidents(const struct model_process *p);

#endif
