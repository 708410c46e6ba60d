/*
 * text.c: the metrics as text: OpenMetrics 1.0, or the older format of Prometheus, in which a counter's family has the name of its samples.
 */
#include <inttypes.h>

#include "export/export.h"
#include "families.h"

#define FIRST_OCTAVE 4 /* boundaries below 2^4 ns .. */
#define LAST_OCTAVE 30 /* .. 2^30 ns */

static const char *const type_name[] = {[FAMILY_COUNTER] = "counter", [FAMILY_GAUGE] = "gauge", [FAMILY_HISTOGRAM] = "histogram"};

/* {program="...",pid="...",label="...",le="..."}, without what the sample does not have. */
static void print_labels(FILE *out, const struct family *f, const struct sample *s, const char *le) {
  const char *between = "{";
  const char *const names[] = {"program", "pid", f->label, "le"}, *const values[] = {s->program, s->pid, s->value, le};
  for (unsigned i = 0; i < 4; i++) {
    if (values[i] == NULL) continue;
    fprintf(out, "%s%s=\"", between, names[i]);
    openmetrics_label(out, values[i]);
    fputc('"', out);
    between = ",";
  }
  if (between[0] == ',') fputc('}', out);
}

static void print_figure(FILE *out, const struct family *f, const char *end, const struct sample *s, const char *le, double figure) {
  fprintf(out, "hakmem_%s%s", f->name, end);
  print_labels(out, f, s, le);
  fprintf(out, " %.17g\n", figure);
}

/* A bucket never lies on both sides of a power of two. */
static void print_histogram(FILE *out, const struct family *f, const struct sample *s) {
  uint64_t below = 0;
  unsigned i = 0;
  for (unsigned octave = FIRST_OCTAVE; octave <= LAST_OCTAVE; octave++) {
    const uint64_t end = (uint64_t)1 << octave;
    char le[32];
    for (; i < HISTOGRAM_BUCKETS && histogram_upper(i) < end; i++) below += s->h->bucket[i];
    snprintf(le, sizeof(le), "%.9g", (double)(end - 1) / 1e9);
    print_figure(out, f, "_bucket", s, le, (double)below);
  }
  print_figure(out, f, "_bucket", s, "+Inf", (double)s->h->count);
  print_figure(out, f, "_count", s, NULL, (double)s->h->count);
  print_figure(out, f, "_sum", s, NULL, (double)s->h->sum / 1e9);
}

void families_print(FILE *out, const struct families *all, bool openmetrics) {
  for (size_t i = 0; i < all->count; i++) {
    const struct family *const f = &all->list[i];
    const char *const end = f->type == FAMILY_COUNTER ? "_total" : "";
    if (f->count == 0) continue;
    if (openmetrics) openmetrics_family(out, f->name, type_name[f->type], f->unit, f->help);
    else fprintf(out, "# HELP hakmem_%s%s %s.\n# TYPE hakmem_%s%s %s\n", f->name, end, f->help, f->name, end, type_name[f->type]);
    for (size_t k = 0; k < f->count; k++) {
      if (f->type == FAMILY_HISTOGRAM) print_histogram(out, f, &f->samples[k]);
      else print_figure(out, f, end, &f->samples[k], NULL, f->samples[k].figure);
    }
  }
  if (openmetrics) fputs("# EOF\n", out);
}
