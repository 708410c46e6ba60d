/*
 * hgrm.c: the percentiles of a histogram as text, as HdrHistogram's outputPercentileDistribution prints them and its plotter reads them: a head, a line
 * for each bucket (value, percentile, count up to there, 1/(1-percentile)), the last one without the fourth column, then lines that begin with '#'.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "histograms.h"

void parts_hgrm(struct export_parts *parts, const struct page *page) {
  struct histograms all;
  histograms_of_page(&all, page);
  for (size_t i = 0; i < all.count; i++) {
    char *const name = histogram_name(&all.list[i]);
    parts_add(parts, name);
    free(name);
  }
  histograms_free(&all);
}

/* From the middles of the buckets: a bucket is at most a sixteenth wide. */
static double deviation(const struct named_histogram *h, double mean, uint64_t count) {
  double sum = 0;
  for (size_t i = 0; i < histogram_buckets(h); i++) {
    const struct bucket b = histogram_bucket(h, i);
    const double last = (double)(b.to < histogram_member(h, "max") ? b.to : histogram_member(h, "max"));
    const double off = ((double)b.from + last) / 2 - mean;
    sum += off * off * (double)b.count;
  }
  return count > 0 ? sqrt(sum / (double)count) : 0;
}

static void print_percentiles(FILE *out, const struct named_histogram *h) {
  const uint64_t count = histogram_member(h, "count"), max = histogram_member(h, "max");
  const size_t buckets = histogram_buckets(h);
  uint64_t below = 0;
  fputs("       Value     Percentile TotalCount 1/(1-Percentile)\n\n", out);
  fprintf(out, "%12.3f %2.12f %10d %14.2f\n", (double)histogram_member(h, "min"), 0.0, 0, 1.0);
  for (size_t i = 0; i < buckets; i++) {
    const struct bucket b = histogram_bucket(h, i);
    below += b.count;
    const double value = (double)(b.to < max ? b.to : max), share = count > 0 ? (double)below / (double)count : 1;
    if (below < count) fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", value, share, below, 1 / (1 - share));
    else fprintf(out, "%12.3f %2.12f %10" PRIu64 "\n", value, 1.0, below);
  }
  const double mean = histogram_mean_of(h);
  fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean, deviation(h, mean, count));
  fprintf(out, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n", (double)max, count);
  fprintf(out, "#[Buckets = %12u, SubBuckets     = %12u]\n", HISTOGRAM_OCTAVES, HISTOGRAM_STEPS);
}

bool export_hgrm(FILE *out, const struct page *page, const struct export_options *o) {
  struct histograms all;
  bool found = false;
  histograms_of_page(&all, page);
  for (size_t i = 0; i < all.count && !found; i++) {
    char *const name = histogram_name(&all.list[i]);
    found = strcmp(name, o->part) == 0;
    if (found) print_percentiles(out, &all.list[i]);
    free(name);
  }
  histograms_free(&all);
  return found || fail("there is no histogram %s", o->part);
}
