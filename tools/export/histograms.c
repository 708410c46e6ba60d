#include "histograms.h"

#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"
#include "report/json/json.h"

static void add(struct histograms *all, const char *kind, const char *cls, bool has_classes, const json_t *h) {
  all->list = must_grow(all->list, all->count, &all->capacity, sizeof(*all->list));
  all->list[all->count++] = (struct named_histogram){.kind = must_copy(kind), .cls = cls, .has_classes = has_classes, .h = h};
}

static bool is_histogram(const json_t *value) { return json_is_array(json_object_get(value, "buckets")); }

#define CLASSES ".classes"

static bool ends_with_classes(const char *path) {
  const size_t length = strlen(path), tail = strlen(CLASSES);
  return length > tail && strcmp(path + length - tail, CLASSES) == 0;
}

/* A member "all" or "latency" has the name of its object; those of "classes" have it, and a class. */
static char *path_below(const char *path, const char *key) {
  if (strcmp(key, "latency") == 0 || (strcmp(key, "all") == 0 && path[0] != '\0')) return must_copy(path);
  return path[0] != '\0' ? must_print("%s.%s", path, key) : must_copy(key);
}

static void walk(struct histograms *all, json_t *object, const char *path) {
  const char *key;
  json_t *value;
  const bool has_classes = json_object_size(json_object_get(object, "classes")) > 0;
  json_object_foreach(object, key, value) {
    if (!json_is_object(value)) continue;
    char *const below = path_below(path, key);
    if (!is_histogram(value)) {
      walk(all, value, below);
    } else if (ends_with_classes(path)) {
      char *const kind = must_copy(path);
      kind[strlen(kind) - strlen(CLASSES)] = '\0';
      add(all, kind, key, false, value);
      free(kind);
    } else {
      add(all, below, "", strcmp(key, "all") == 0 && has_classes, value);
    }
    free(below);
  }
}

void histograms_of_report(struct histograms *all, const struct report *r) {
  *all = (struct histograms){.json = {json_of_figures(r)}};
  walk(all, all->json[0], "");
}

static bool has_kind(const struct histograms *all, size_t count, const char *kind) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(all->list[i].kind, kind) == 0) return true;
  }
  return false;
}

void histograms_of_page(struct histograms *all, const struct page *page) {
  histograms_of_report(all, page->main);
  if (page->memory == page->main) return;
  const size_t count = all->count;
  all->json[1] = json_of_figures(page->memory);
  walk(all, all->json[1], "");
  size_t kept = count;
  for (size_t i = count; i < all->count; i++) {
    if (has_kind(all, count, all->list[i].kind)) free(all->list[i].kind);
    else all->list[kept++] = all->list[i];
  }
  all->count = kept;
}

void histograms_free(struct histograms *all) {
  for (size_t i = 0; i < all->count; i++) free(all->list[i].kind);
  free(all->list);
  json_decref(all->json[0]);
  json_decref(all->json[1]);
  *all = (struct histograms){0};
}

char *histogram_name(const struct named_histogram *h) { return h->cls[0] != '\0' ? must_print("%s.%s", h->kind, h->cls) : must_copy(h->kind); }

static uint64_t integer(const json_t *object, const char *name) {
  const json_t *const value = json_object_get(object, name);
  return json_is_integer(value) ? (uint64_t)json_integer_value(value) : whole_number(json_number_value(value));
}

size_t histogram_buckets(const struct named_histogram *h) { return json_array_size(json_object_get(h->h, "buckets")); }

struct bucket histogram_bucket(const struct named_histogram *h, size_t index) {
  const json_t *const bucket = json_array_get(json_object_get(h->h, "buckets"), index);
  return (struct bucket){integer(bucket, "from"), integer(bucket, "to"), integer(bucket, "count")};
}

uint64_t histogram_member(const struct named_histogram *h, const char *name) { return integer(h->h, name); }
double histogram_mean_of(const struct named_histogram *h) { return json_number_value(json_object_get(h->h, "mean")); }
bool histogram_is_ticks(const struct named_histogram *h) { return strcmp(json_string_value(json_object_get(h->h, "unit")), "ticks") == 0; }
