/*
 * folded.c: collapsed stacks: "main;parse;copy_name 4096", a line for each call site. Equal stacks of several processes are added up.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"
#include "histograms.h"
#include "stacks.h"

struct line {
  char *folded;
  uint64_t value;
};

static int by_folded(const void *a, const void *b) { return strcmp(((const struct line *)a)->folded, ((const struct line *)b)->folded); }

static void print_lines(FILE *out, struct line *lines, size_t count) {
  if (count > 1) qsort(lines, count, sizeof(*lines), by_folded);
  for (size_t i = 0; i < count; i++) {
    if (i + 1 < count && strcmp(lines[i].folded, lines[i + 1].folded) == 0) lines[i + 1].value += lines[i].value;
    else if (lines[i].value > 0) fprintf(out, "%s %" PRIu64 "\n", lines[i].folded, lines[i].value);
  }
}

/* Refills and drains are disjoint; lookups, stages and mappings are parts of them, or are sampled. */
static bool is_whole_work(const struct named_histogram *h) { return (strcmp(h->kind, "refill") == 0 || strcmp(h->kind, "drain") == 0) && h->cls[0] != '\0'; }

/* The time in the allocator is known by its work and its class, not by call site. */
static bool print_time(FILE *out, const struct page *page) {
  struct histograms all;
  bool any = false, ticks = false;
  histograms_of_page(&all, page);
  for (size_t i = 0; i < all.count; i++) {
    const struct named_histogram *const h = &all.list[i];
    if (!is_whole_work(h)) continue;
    any = true;
    ticks |= histogram_is_ticks(h);
    const double sum = histogram_mean_of(h) * (double)histogram_member(h, "count");
    if (!ticks) fprintf(out, "allocator;%s;class %s %.0f\n", h->kind, h->cls, sum);
  }
  histograms_free(&all);
  if (ticks) return fail("%s has times in ticks of an unknown clock, not in nanoseconds", page->path);
  return any || fail("%s has no times of refills and drains", page->path);
}

bool export_folded(FILE *out, const struct page *page, const struct export_options *o) {
  if (o->value == VALUE_ns) return print_time(out, page);
  struct samples samples;
  if (!samples_collect(&samples, page, o->value)) return false;
  struct line *const lines = must_allocate(samples.count * sizeof(*lines));
  for (size_t i = 0; i < samples.count; i++) lines[i] = (struct line){sample_folded(&samples.list[i]), samples.list[i].value[o->value]};
  print_lines(out, lines, samples.count);
  for (size_t i = 0; i < samples.count; i++) free(lines[i].folded);
  free(lines);
  samples_free(&samples);
  return true;
}
