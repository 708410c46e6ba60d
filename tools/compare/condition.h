/*
 * condition.h: conditions on the figures of a run, for `hakmem check`.
 *
 *   condition  = conjunction { "or" conjunction }
 *   conjunction = comparison { "and" comparison }
 *   comparison = sum ( ">" | ">=" | "<" | "<=" | "==" | "!=" ) sum
 *   sum        = product { ( "+" | "-" ) product }
 *   product    = value { ( "*" | "/" ) value }
 *   value      = number [ unit ] | figure | "baseline" "(" figure ")" | "(" sum ")"
 *   figure     = name [ "(" part ")" ]                      a name of figures.h: rss(peak), incidents, p99.9(refill)
 *   unit       = "B" | "KiB" | "MiB" | "GiB" | "TiB" | "ns" | "us" | "ms" | "s" | "%"
 *
 * Bytes are compared with and added to bytes only, times to times, counts to counts. 0 needs no unit. A number without a unit multiplies and
 * divides any value. 1 % is 0.01.
 */
#ifndef HAKMEM_TOOLS_CONDITION_H
#define HAKMEM_TOOLS_CONDITION_H

#include "figures.h"

enum outcome { OUTCOME_FALSE, OUTCOME_TRUE, OUTCOME_UNKNOWN };

struct verdict {
  enum outcome outcome;
  char *figures; /* the figures that the condition names, with their values: "rss(peak) = 12.0 MiB, baseline(rss(peak)) = 10.0 MiB" */
  char *error;   /* why it cannot be understood, NULL if it can */
  size_t column; /* the place: bytes from the beginning */
};

/* Evaluates a condition on the figures of a run and of a baseline, which may be NULL. condition_free frees what the verdict holds. */
struct verdict condition_evaluate(const char *text, const struct figures *run, const struct figures *baseline);
void condition_free(struct verdict *verdict);

#endif
