/*
 * families.h: the metrics of one scrape, before they become text or protobuf.
 *
 *   families ── family[] : a name, a type, a help text ── sample[] : a process, the value of a second label, a figure or a histogram
 *
 * A scrape walks through the same families once for each process: families_rewind, then families_next for one after the other.
 */
#ifndef HAKMEM_TOOLS_FAMILIES_H
#define HAKMEM_TOOLS_FAMILIES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "instrumentation/statistics/histogram.h"

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };

struct sample {
  char *program, *pid;       /* NULL: it is of the host, not of a process */
  char *value;               /* of the label that the family names; NULL if it has none */
  double figure;             /* of a counter or a gauge */
  const struct histogram *h; /* of a histogram, in nanoseconds; who adds it keeps it as long as the families */
};

struct family {
  char *name; /* without "hakmem_" and "_total" */
  const char *help, *unit, *label;
  enum family_type type;
  struct sample *samples;
  size_t count, capacity;
};

struct families {
  struct family *list;
  size_t count, capacity, at;
  const char *program, *pid; /* of the samples that are added; NULL: of the host */
};

/* From here on samples are of this process. */
void families_rewind(struct families *all, const char *program, const char *pid);
/* The next family; it is made if it is not there yet. `help`, `unit` and `label` must stay; `label` may be NULL. */
struct family *families_next(struct families *all, enum family_type type, const char *name, const char *unit, const char *label, const char *help);
void families_add(const struct families *all, struct family *f, const char *value, double figure);
void families_add_histogram(const struct families *all, struct family *f, const char *value, const struct histogram *h);
void families_free(struct families *all);

/* The formats of an answer, as its Content-Type; F(constant, "content type"). The last one is written if the client asks for none of them. */
#define LISTEN_FORMATS(F) \
  F(protobuf, "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited") \
  F(openmetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8") \
  F(text, "text/plain; version=0.0.4; charset=utf-8")
#define LISTEN_FORMAT(name, type) LISTEN_##name,
enum listen_format { LISTEN_FORMATS(LISTEN_FORMAT) LISTEN_FORMAT_COUNT };

/* The one that the header Accept (NULL: there is none) likes best. */
enum listen_format listen_accepted(const char *accept);

/* Writes them as text. Histograms have a boundary for each doubling. */
void families_print(FILE *out, const struct families *all, bool openmetrics);
/* Writes them as messages, each with its length before it. Histograms are native ones. In the part listen.so. */
void families_pack(FILE *out, const struct families *all);

#endif
