/*
 * csv.c: the tables of a report as RFC 4180 has them: a head, lines that end with CRLF, and quotes around a field that needs them. The tables are those of
 * the JSON of the report, so that a member that is added there is exported, too:
 *
 *   an array of objects          a table, a row each; it begins with the pid, if it lies within a process
 *   an object of plain values    a table of names and values, if it does not lie within a row; of objects: a row each, which begins with the name
 *   histograms                   a table of them ("latency"), and one of their buckets
 *
 * Members of objects within a row are columns "memory.live", elements of arrays of numbers "utilisation.0"; a stack is one field,
 * "main;parse;copy_name". An unknown value (null) is an empty field.
 */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "histograms.h"
#include "report/json/json.h"

struct tables {
  json_t *all; /* {"stats.processes": [{column: value}]}: plain values only */
};

static void add_row(struct tables *t, const char *table, json_t *row) {
  json_t *rows = json_object_get(t->all, table);
  if (rows == NULL) {
    rows = json_array();
    set(t->all, table, rows);
  }
  json_array_append_new(rows, row);
}

/* ---- From the JSON to rows ---- */

static bool is_rows(const json_t *value) { return json_is_object(json_array_get(value, 0)); }

static bool is_stack(const char *key, const json_t *value) { return json_is_array(value) && strcmp(key, "stack") == 0; }

/* Histograms have tables of their own. */
static bool is_latencies(const char *key, const json_t *value) { return json_is_object(value) && strcmp(key, "latency") == 0; }

/* The functions from the outermost on, or what is known instead. */
static json_t *stack_text(const json_t *stack) {
  char *whole = must_copy("");
  for (size_t i = json_array_size(stack); i-- > 0;) {
    const json_t *const frame = json_array_get(stack, i);
    const char *name = json_string_value(json_object_get(frame, "function"));
    if (name == NULL) name = json_string_value(json_object_get(frame, "address"));
    must_list(&whole, ";", name != NULL ? name : "?");
  }
  json_t *const string = json_string(whole);
  free(whole);
  return string;
}

static void add_table(struct tables *t, const char *name, json_t *rows, json_t *pid);

/* Puts the plain values of `object` into `row`; arrays of objects become tables. */
static void flatten(struct tables *t, const char *table, json_t *object, const char *prefix, json_t *row, json_t *pid) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    char *const column = must_print("%s%s", prefix, key), *const below = must_print("%s.%s", table, column), *const inner = must_print("%s.", column);
    if (is_stack(key, value)) {
      set(row, column, stack_text(value));
    } else if (is_rows(value)) {
      add_table(t, below, value, pid);
    } else if (json_is_object(value)) {
      if (!is_latencies(key, value)) flatten(t, table, value, inner, row, pid);
    } else if (json_is_array(value)) {
      for (size_t i = 0; i < json_array_size(value); i++) {
        char *const element = must_print("%s.%zu", column, i);
        json_object_set(row, element, json_array_get(value, i));
        free(element);
      }
    } else {
      json_object_set(row, column, value);
    }
    free(column), free(below), free(inner);
  }
}

static void add_table(struct tables *t, const char *name, json_t *rows, json_t *pid) {
  for (size_t i = 0; i < json_array_size(rows); i++) {
    json_t *const from = json_array_get(rows, i), *const row = json_object();
    json_t *const own = json_object_get(from, "pid");
    if (pid != NULL && own == NULL) json_object_set(row, "pid", pid);
    flatten(t, name, from, "", row, own != NULL ? own : pid);
    add_row(t, name, row);
  }
}

/* {"malloc": {"count": 5, ...}, ...}: a row for each; {"lookup_hit": 5, ...}: a name and a value. */
static void add_values(struct tables *t, const char *table, json_t *object) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    json_t *const row = json_object();
    set(row, "name", json_string(key));
    if (json_is_object(value)) flatten(t, table, value, "", row, NULL);
    else json_object_set(row, "value", value);
    add_row(t, table, row);
  }
}

/* ---- Latencies ---- */

static void add_histogram(struct tables *t, const char *table, const char *buckets, const struct named_histogram *h) {
  json_t *const row = json_object();
  set(row, "kind", json_string(h->kind));
  set(row, "class", json_string(h->cls));
  json_t *const rest = json_copy((json_t *)(uintptr_t)h->h);
  json_object_del(rest, "buckets");
  json_object_update(row, rest);
  json_decref(rest);
  add_row(t, table, row);
  for (size_t i = 0; i < histogram_buckets(h); i++) {
    const struct bucket b = histogram_bucket(h, i);
    json_t *const bucket = json_object();
    set(bucket, "kind", json_string(h->kind));
    set(bucket, "class", json_string(h->cls));
    set(bucket, "from", number(b.from));
    set(bucket, "to", number(b.to));
    set(bucket, "count", number(b.count));
    add_row(t, buckets, bucket);
  }
}

static void add_latencies(struct tables *t, const char *source, json_t *latency, const struct report *r) {
  struct histograms all;
  char *const table = must_print("%s.latency", source), *const buckets = must_print("%s.latency.buckets", source);
  histograms_of_report(&all, r);
  for (size_t i = 0; i < all.count; i++) add_histogram(t, table, buckets, &all.list[i]);
  histograms_free(&all);
  const char *key;
  json_t *value;
  json_object_foreach(latency, key, value) {
    if (!json_is_number(json_object_iter_value(json_object_iter(value)))) continue;
    char *const values = must_print("%s.%s", table, key);
    add_values(t, values, value);
    free(values);
  }
  free(table), free(buckets);
}

/* A report: its tables, and its objects of values. */
static void add_report(struct tables *t, const char *source, json_t *report, const struct report *r) {
  const char *key;
  json_t *value;
  json_object_foreach(report, key, value) {
    char *const table = must_print("%s.%s", source, key);
    if (is_latencies(key, value)) add_latencies(t, source, value, r);
    else if (is_rows(value)) add_table(t, table, value, NULL);
    else if (json_is_object(value)) add_values(t, table, value);
    free(table);
  }
}

static struct tables make_tables(const struct page *page) {
  struct tables t = {json_object()};
  json_t *const root = json_of_page(page);
  if (page->stats != NULL) add_report(&t, "stats", json_object_get(root, "stats"), page->stats);
  if (page->trace != NULL) add_report(&t, "trace", json_object_get(root, "trace"), page->trace);
  json_t *const others = json_object_get(root, "not_recorded");
  if (is_rows(others)) add_table(&t, "not_recorded", others, NULL);
  json_decref(root);
  return t;
}

/* A command exports one page. Its tables are made once, because that needs the functions of all stacks. */
static json_t *tables_of(const struct page *page) {
  static struct tables tables;
  if (tables.all == NULL) tables = make_tables(page);
  return tables.all;
}

void parts_csv(struct export_parts *parts, const struct page *page) {
  const char *key;
  json_t *value;
  json_object_foreach(tables_of(page), key, value) parts_add(parts, key);
}

/* ---- From rows to text ---- */

static void print_text_field(FILE *out, const char *text) {
  if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ') {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '"') fputc('"', out);
    fputc(*c, out);
  }
  fputc('"', out);
}

static void print_field(FILE *out, const json_t *value) {
  if (json_is_string(value)) print_text_field(out, json_string_value(value));
  else if (json_is_integer(value)) fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else if (json_is_real(value)) fprintf(out, "%.17g", json_real_value(value));
  else if (json_is_boolean(value)) fputs(json_is_true(value) ? "true" : "false", out);
}

static void print_rows(FILE *out, const json_t *rows) {
  json_t *const columns = json_object(), *row, *value;
  const char *key;
  size_t i, at;
  json_array_foreach(rows, i, row) { json_object_foreach(row, key, value) set(columns, key, json_null()); }
  at = 0;
  json_object_foreach(columns, key, value) {
    if (at++ > 0) fputc(',', out);
    print_text_field(out, key);
  }
  fputs("\r\n", out);
  json_array_foreach(rows, i, row) {
    at = 0;
    json_object_foreach(columns, key, value) {
      if (at++ > 0) fputc(',', out);
      print_field(out, json_object_get(row, key));
    }
    fputs("\r\n", out);
  }
  json_decref(columns);
}

bool export_csv(FILE *out, const struct page *page, const struct export_options *o) {
  const json_t *const rows = json_object_get(tables_of(page), o->part);
  if (rows != NULL) print_rows(out, rows);
  return rows != NULL || fail("there is no table %s", o->part);
}
