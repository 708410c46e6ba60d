/*
 * histograms.h: the histograms of latencies of a page, each with its name. They are taken from the JSON of the report: each object there with buckets, so
 * that one that is added is exported, too.
 */
#ifndef HAKMEM_TOOLS_HISTOGRAMS_H
#define HAKMEM_TOOLS_HISTOGRAMS_H

#include <jansson.h>

#include "export.h"

struct named_histogram {
  char *kind;       /* "lookup.directory": the members that lead to it, but "latency", with dots between */
  const char *cls;  /* "3": its class; "" if it has none, or is of all classes together */
  bool has_classes; /* it is of all classes together, which are there one by one as well */
  const json_t *h;  /* as in hakmem-json(5): unit, count, mean, min, max, buckets */
};

struct histograms {
  json_t *json[2]; /* own what the list points into */
  struct named_histogram *list;
  size_t count, capacity;
};

/* Those of one report; those of a page's main report, and of the other one those that the main one does not have. */
void histograms_of_report(struct histograms *all, const struct report *r);
void histograms_of_page(struct histograms *all, const struct page *page);
void histograms_free(struct histograms *all);

/* "lookup.directory" or "lookup.directory.3"; the caller frees it. */
char *histogram_name(const struct named_histogram *h);

/* One bucket: the values from .. to, both included; `count` of them. */
struct bucket {
  uint64_t from, to, count;
};
struct bucket histogram_bucket(const struct named_histogram *h, size_t index);
size_t histogram_buckets(const struct named_histogram *h);
uint64_t histogram_member(const struct named_histogram *h, const char *name); /* count, min, max */
double histogram_mean_of(const struct named_histogram *h);
bool histogram_is_ticks(const struct named_histogram *h);

#endif
