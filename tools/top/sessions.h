/*
 * sessions.h: processes of other machines, whose traces arrive at a relay (hakmem record --to): their figures by host, program or process.
 */
#ifndef HAKMEM_TOOLS_TOP_SESSIONS_H
#define HAKMEM_TOOLS_TOP_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "report/print.h"

/* A group as `hakmem report --by` has it, and what happened a second between the last two readings. */
struct session_row {
  struct group_row f;
  bool has_rates;
  double refills_rate, drains_rate;
};

struct sessions {
  char *const *addresses; /* net://RELAY/host/HOST/SESSION */
  size_t address_count;
  struct follow *follow; /* NULL: not begun */
  struct page page;      /* of the last reading */
  enum group_by by, rows_by;
  struct session_row *rows; /* sorted by name */
  size_t count;
  double as_of, since;
};

/* Reads all again. False, with a failure set, if nothing was read and nothing will be. */
bool sessions_refresh(struct sessions *s, double now);
/* Groups the last reading in the next way. */
void sessions_group_next(struct sessions *s);
/* Whether a host that is still read has had no event yet. */
bool sessions_are_quiet(const struct sessions *s);
/* How many sessions are still read; why one is not, NULL if there is no reason to tell. */
size_t sessions_running(const struct sessions *s);
const char *sessions_trouble(const struct sessions *s);
void sessions_free(struct sessions *s);

#endif
