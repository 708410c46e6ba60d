/*
 * diff.h: the figures of two sets of runs side by side.
 */
#ifndef HAKMEM_TOOLS_DIFF_H
#define HAKMEM_TOOLS_DIFF_H

#include <stdbool.h>
#include <stdio.h>

#include "figures.h"

/* The runs of one side. */
struct side {
  char **paths;
  size_t count, capacity;
  struct figures *runs;
};

enum change {
  CHANGE_NONE,      /* all runs of both sides have the same value */
  CHANGE_NOISE,     /* the sides differ by no more than the runs of one side do */
  CHANGE_UNDECIDED, /* there are too few runs to tell */
  CHANGE_MORE,
  CHANGE_LESS
};

struct difference {
  const struct figure *figure;      /* of the first run: its name, group, unit, meaning */
  size_t before_count, after_count; /* runs that know it */
  double before, after;             /* medians; NAN if no run knows it */
  double p;                         /* of the rank-sum test; NAN if it cannot be had */
  enum change change;
};

/* The level of significance, and the number of runs from which it can be reached (4 and 4: 0.029). */
#define DIFF_P 0.05

/* One entry for each figure; the caller frees the list. Both sides have at least one run. */
struct difference *diff_compute(const struct side *before, const struct side *after, size_t *count);

/* "worse", "better", "more", "less", "within noise", "not decided", "same". */
const char *diff_verdict(const struct difference *d);

/* Only figures that changed, or all. */
void diff_text(FILE *out, const struct difference *list, size_t count, const struct side *before, const struct side *after, bool all, bool markdown);
struct json_t *json_of_diff(const struct difference *list, size_t count, const struct side *before, const struct side *after);
bool diff_json(FILE *out, const struct difference *list, size_t count, const struct side *before, const struct side *after);

#endif
