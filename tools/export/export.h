/*
 * export.h: a page in the formats of other tools. EXPORT_FORMATS lists them once; the options of the command, its help, --list and the dispatch come
 * from there.
 *
 * A format of one text has `bool export_NAME(FILE *out, const struct page *page, const struct export_options *o)`. A format of several parts (a table, a
 * histogram) has `struct export_parts *parts_NAME(page)` as well, and writes the part that o->part names. A writer returns false, with a failure set, if
 * the data do not have what the format shows.
 */
#ifndef HAKMEM_TOOLS_EXPORT_H
#define HAKMEM_TOOLS_EXPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "report/print.h"

/* F(name, parts: what a part is called or "", "the end of a part's file name", "what it is for"). */
#define EXPORT_FORMATS(F) \
  F(pprof, "", "", "gzip'd profile.proto, for pprof: live heap by call site, and what a trace saw allocated") \
  F(folded, "", "", "collapsed stacks, a line each, for flame graph tools; --value chooses what is counted") \
  F(speedscope, "", "", "JSON for speedscope: a flame graph for each value that the data have") \
  F(perfetto, "", "", "Chrome trace JSON, for Perfetto and chrome://tracing: incidents, slow work of a trace, memory over time") \
  F(hgrm, "histogram", "hgrm", "percentiles of a histogram of latencies, for HdrHistogram's plotter") \
  F(dhat, "", "", "JSON for Valgrind's dh_view.html: live heap by call site") \
  F(openmetrics, "", "", "OpenMetrics text, for Prometheus: counters, gauges and histograms") \
  F(csv, "table", "csv", "comma-separated values (RFC 4180) of a table of the report")

#define EXPORT_CONSTANT(name, part, end, what) EXPORT_##name,
enum export_format { EXPORT_FORMATS(EXPORT_CONSTANT) EXPORT_COUNT };

/* What --folded counts: V(name, "unit", "what it is"). All but `ns` are values of call sites (stacks.h). */
#define EXPORT_VALUES(V) \
  V(live_bytes, "bytes", "bytes of live blocks") \
  V(live_blocks, "count", "live blocks") \
  V(allocated_bytes, "bytes", "bytes asked for by all allocations that a trace saw") \
  V(allocated_blocks, "count", "all allocations that a trace saw") \
  V(pinned_bytes, "bytes", "free bytes of slabs that the live blocks keep from being returned")

#define EXPORT_VALUE_CONSTANT(name, unit, what) VALUE_##name,
enum export_value { EXPORT_VALUES(EXPORT_VALUE_CONSTANT) VALUE_COUNT, VALUE_ns = VALUE_COUNT };

/* Of a page, one process alone, with a time of its own: a profile that is pushed. Times are nanoseconds since the epoch. */
struct export_moment {
  uint32_t pid;
  uint64_t time_ns, duration_ns;
};

struct export_options {
  enum export_value value;
  const char *part;
  bool force;                         /* replaces a file */
  const struct export_moment *moment; /* for pprof; NULL: all processes */
};

struct export_parts {
  char **names; /* of letters, digits, '.', '-' and '_' only */
  size_t count, capacity;
};
void parts_add(struct export_parts *parts, const char *name);
void parts_free(struct export_parts *parts);
/* A failure that lists the names. */
bool parts_miss(const struct export_parts *parts, const char *what, const char *wanted);

#define EXPORT_DECLARE(name, part, end, what) bool export_##name(FILE *out, const struct page *page, const struct export_options *o);
EXPORT_FORMATS(EXPORT_DECLARE)
void parts_hgrm(struct export_parts *parts, const struct page *page);
void parts_csv(struct export_parts *parts, const struct page *page);

/*
 * Writes `page` to `path`: a file, "-" for the standard output, or for all parts of a format with parts (o->part is NULL) a directory, which is made if it
 * is missing. An unfinished file is removed, and one that exists is kept
 * unless o->force.
 */
bool export_write(enum export_format format, const struct page *page, const struct export_options *o, const char *path);

/* ---- What OpenMetrics text has in common, here and in `hakmem export --listen`. In openmetrics.c. ---- */

/* A label's value: valid UTF-8, with \, " and the line's end escaped. Prints it. */
void openmetrics_label(FILE *out, const char *text);
/* The lines TYPE, UNIT (none if `unit` is "") and HELP. */
void openmetrics_family(FILE *out, const char *name, const char *type, const char *unit, const char *help);
/* The name of a counter, and its unit. One of nanoseconds is shown in seconds; one of bytes has its unit in its name already. */
const char *openmetrics_counter_name(const char *prefix, const char *name, char *full, size_t size);

/* Prints the formats, one a line. */
void export_list(FILE *out);

#endif
