/*
 * json.h: the model as JSON. Every member has its name from the tables of
 * instrumentation/statistics/stats_block.h, src/events.h and model.h.
 */
#ifndef HAKMEM_TOOLS_JSON_H
#define HAKMEM_TOOLS_JSON_H

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/escape.h"
#include "report/print.h"

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

#define JSON_SCHEMA 1 /* grows when a member changes its meaning or is removed, not when one is added */

/* The caller gives back the reference of each object. */
json_t *json_of_page(const struct page *page);   /* the page as one object */
json_t *json_of_figures(const struct report *r); /* its object of `r` without the processes: no name is looked for */
json_t *json_of_counters(const struct stats_counters *from);
json_t *json_of_buckets(const struct stats_buckets *from);

#endif
