/*
 * scrape.h: the figures of all processes at a moment. A process is read as `hakmem report PID` reads it, one after the other, so memory does not grow with
 * their number but for what is shown.
 *
 * A figure that only grows in a process only grows here: the share of each kind of calls is estimated from samples, and an estimate may fall. So each bucket
 * keeps its largest value, until the estimate passes it. Prometheus would take a smaller value for the start of a new process.
 */
#ifndef HAKMEM_TOOLS_SCRAPE_H
#define HAKMEM_TOOLS_SCRAPE_H

#include "families.h"
#include "top/processes.h"

#define SCRAPE_CLASSES 8   /* of a process: those with the most memory in live blocks */
#define SCRAPE_NAME_MAX 64 /* bytes of a label from outside */

struct scrape {
  struct processes all;
  struct known *known; /* processes that were shown */
  size_t count, capacity;
  size_t max; /* processes that are shown */
};

/* Histograms in `into` are those of `s`, until the next scrape. */
void scrape_take(struct scrape *s, struct families *into);
void scrape_fini(struct scrape *s);

#endif
