/*
 * figures.h: the figures of one run, each under a name. `hakmem diff` compares them between runs; `hakmem check` tests conditions on them.
 *
 *   rss(peak)        NAME(PART): a figure that has parts
 *   incidents        without a part, a sum over the parts
 *   p99.9(drain)     a percentile of a latency
 */
#ifndef HAKMEM_TOOLS_FIGURES_H
#define HAKMEM_TOOLS_FIGURES_H

#include <stddef.h>

#include "report/print.h"

enum figure_unit { FIGURE_COUNT, FIGURE_BYTES, FIGURE_NS };
enum figure_worse { FIGURE_NEUTRAL, FIGURE_MORE_IS_WORSE };

struct figure {
  char *name;
  const char *group; /* its heading in lists */
  enum figure_unit unit;
  enum figure_worse worse;
  double value; /* NAN: the run does not tell */
};

struct figures {
  struct figure *list;
  size_t count, capacity;
  char *merge;      /* "12 runs of 3 hosts: 34 processes", if it is a merge; else NULL */
  size_t processes; /* whose sums the figures are */
};

/* Fills `f` with all figures of a page. The same names in the same order for every page. figures_free frees them. */
void figures_of(struct figures *f, const struct page *page);
void figures_free(struct figures *f);

/* NULL if there is no figure with this name. */
const struct figure *figures_find(const struct figures *f, const char *name);

/* The figure's value with its unit, "-" if it is unknown. `buffer` has FORMAT_SIZE bytes. */
const char *figure_format(char *buffer, enum figure_unit unit, double value);

#endif
