/*
 * json_figures.h: the counters, gauges, buckets, losses and histograms as JSON. Every member has its name from the tables of
 * instrumentation/statistics/stats_block.h, src/events.h and model.h.
 */
#ifndef HAKMEM_TOOLS_JSON_FIGURES_H
#define HAKMEM_TOOLS_JSON_FIGURES_H

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/escape.h"
#include "model/model.h"

/* jansson has signed integers, so larger values become real numbers. UNKNOWN becomes null. */
static inline json_t *number(uint64_t value) {
  if (value == UNKNOWN) return json_null();
  return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

static inline json_t *text(const char *value) {
  if (value == NULL) return json_null();
  char *const valid = escape_invalid_utf8(value);
  json_t *const string = json_string(valid);
  free(valid);
  return string;
}

static inline json_t *address(uint64_t value) {
  char buffer[32];
  snprintf(buffer, sizeof(buffer), "0x%" PRIx64, value);
  return json_string(buffer);
}

static inline void set(json_t *object, const char *name, json_t *value) { json_object_set_new(object, name, value); }

/* Copies a member of a table from `from` into `object`. */
#define SET_MEMBER(name, meaning) set(object, #name, number(from->name));

/* Writes an object, and gives its reference back; false if it cannot be written. */
bool json_write(FILE *out, json_t *root);

json_t *json_losses(const struct model_losses *from);
json_t *json_counters(const struct stats_counters *from);
json_t *json_buckets(const struct stats_buckets *from);
json_t *json_classes(const struct report *r); /* only classes with data */
json_t *json_latencies(const struct report *r);
json_t *json_calls(const struct model_calls *calls);
json_t *json_slab_maps(const struct model_process *p); /* in print_slabs.c */

#endif
