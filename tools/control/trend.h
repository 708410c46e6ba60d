/*
 * trend.h: the live heap by call site over several readings of one process: how much each site grew, and how fast.
 *
 *   bytes of a site = start + slope * time, by least squares over all readings so far; a site that a reading does not have has 0 bytes in it
 *   error of the slope = sqrt(sum of the squared distances / (n - 2) / sum of the squared times from their mean); unknown below three readings
 *
 * Only sums are kept, so memory does not grow with the number of readings.
 */
#ifndef HAKMEM_TOOLS_TREND_H
#define HAKMEM_TOOLS_TREND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/sites.h"

struct trend_site {
  char *folded, *place;         /* as a site's, */
  unsigned inner;               /* this too */
  double now, before, first;    /* bytes: in the last reading, the one before it, the first one */
  double blocks;                /* in the last reading */
  unsigned rises, falls;        /* intervals in which it grew, or shrank */
  double sum, by_time, squares; /* over all readings: of the bytes, of bytes times seconds, of the bytes squared */
};

struct trend {
  struct trend_site *sites; /* in the order of `folded` */
  size_t count;
  unsigned readings;
  double time, times, squares; /* seconds of the last reading; sums over all readings: of the times, of their squares */
};

/* Adds a reading: `sites` as sites_fold gives them. */
void trend_add(struct trend *t, double seconds, const struct site *sites, size_t count);
void trend_free(struct trend *t);

/* Bytes a second; *error is NAN if it is unknown. */
double trend_slope(const struct trend *t, const struct trend_site *site, double *error);

/* Whether it never shrank, and grew in more than half of the intervals; false below three readings. */
bool trend_grows_all_along(const struct trend *t, const struct trend_site *site);

/* All sites, those that grow all along first, then by slope, the largest first. The caller frees the list. */
const struct trend_site **trend_ranked(const struct trend *t);

/* Prints the growth by site after a reading, or at the end; at most `rows` sites, 0: all. Sites that never changed are only counted. */
void trend_text(FILE *out, const struct trend *t, size_t rows);
/* One JSON object in one line. `ended`: why the readings end, NULL if more follow. False, with a failure set, if it cannot be written. */
bool trend_json(FILE *out, const struct trend *t, uint32_t pid, const char *ended);

#endif
