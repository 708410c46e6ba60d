/*
 * native.c: the metrics as Prometheus's messages, packed by protobuf-c. Histograms are native ones: 8 buckets for each doubling (schema 3). A bucket of ours
 * is at most 6.25 % wide, one of these 9 %; the values of ours are counted in the one that has its middle. Counts and sums are exact.
 */
#include <math.h>
#include <metrics.pb-c.h>
#include <stdlib.h>

#include "common/escape.h"
#include "common/memory.h"
#include "families.h"

typedef Hakmem__Metrics__MetricFamily MetricFamily;
typedef Hakmem__Metrics__Metric Metric;
typedef Hakmem__Metrics__LabelPair LabelPair;
typedef Hakmem__Metrics__Figure Figure;
typedef Hakmem__Metrics__Histogram Histogram;
typedef Hakmem__Metrics__BucketSpan BucketSpan;

#define SCHEMA 3
#define GAP 2 /* empty buckets that do not end a span: a span costs more than these */

/* What one metric points to. */
struct metric {
  Metric metric;
  LabelPair labels[3], *label_list[3];
  char *texts[3];
  Figure figure;
  Histogram histogram;
  BucketSpan *spans, **span_list;
  int64_t *deltas;
};

static void add_label(struct metric *m, const char *name, const char *value) {
  if (value == NULL) return;
  const size_t i = m->metric.n_label++;
  hakmem__metrics__label_pair__init(&m->labels[i]);
  m->texts[i] = escape_invalid_utf8(value);
  m->labels[i].name = (char *)(uintptr_t)name;
  m->labels[i].value = m->texts[i];
  m->label_list[i] = &m->labels[i];
}

/* The native bucket of bucket `i` of ours. */
static int native_index(unsigned i) {
  const double middle = ((double)histogram_lower(i) + (double)histogram_upper(i)) / 2e9;
  return (int)ceil(log2(middle) * (1 << SCHEMA));
}

static void pack_histogram(struct metric *m, const struct histogram *h) {
  Histogram *const n = &m->histogram;
  hakmem__metrics__histogram__init(n);
  n->sample_count = h->count;
  n->sample_sum = (double)h->sum / 1e9;
  n->schema = SCHEMA;
  n->zero_threshold = 0.5e-9;
  n->zero_count = h->bucket[0]; /* of 0 ns */
  m->spans = must_allocate(HISTOGRAM_BUCKETS * sizeof(*m->spans));
  m->span_list = must_allocate(HISTOGRAM_BUCKETS * sizeof(*m->span_list));
  m->deltas = must_allocate((size_t)HISTOGRAM_BUCKETS * (GAP + 1) * sizeof(*m->deltas));
  int next = 0; /* the native bucket after the last one */
  int64_t last = 0;
  for (unsigned i = 1; i < HISTOGRAM_BUCKETS;) {
    const int index = native_index(i);
    int64_t count = 0;
    for (; i < HISTOGRAM_BUCKETS && native_index(i) == index; i++) count += (int64_t)h->bucket[i];
    if (count == 0) continue;
    if (n->n_positive_span == 0 || index > next + GAP) {
      BucketSpan *const span = m->span_list[n->n_positive_span] = &m->spans[n->n_positive_span];
      hakmem__metrics__bucket_span__init(span);
      span->offset = index - next; /* of the first one: from 0 */
      n->n_positive_span++;
      next = index;
    }
    BucketSpan *const span = &m->spans[n->n_positive_span - 1];
    for (; next <= index; next++) {
      const int64_t here = next == index ? count : 0;
      m->deltas[n->n_positive_delta++] = here - last;
      last = here;
      span->length++;
    }
  }
  n->positive_span = m->span_list;
  n->positive_delta = m->deltas;
  m->metric.histogram = n;
}

static void make_metric(struct metric *m, const struct family *f, const struct sample *s) {
  *m = (struct metric){0};
  hakmem__metrics__metric__init(&m->metric);
  m->metric.label = m->label_list;
  add_label(m, "program", s->program);
  add_label(m, "pid", s->pid);
  add_label(m, f->label, s->value);
  if (f->type == FAMILY_HISTOGRAM) {
    pack_histogram(m, s->h);
    return;
  }
  hakmem__metrics__figure__init(&m->figure);
  m->figure.value = s->figure;
  *(f->type == FAMILY_COUNTER ? &m->metric.counter : &m->metric.gauge) = &m->figure;
}

static void free_metric(struct metric *m) {
  for (size_t i = 0; i < m->metric.n_label; i++) free(m->texts[i]);
  free(m->spans);
  free(m->span_list);
  free(m->deltas);
}

/* The length of a message that follows, as a varint. */
static void put_length(FILE *out, size_t length) {
  for (; length >= 0x80; length >>= 7) fputc((int)(length & 0x7f) | 0x80, out);
  fputc((int)length, out);
}

static void pack_family(FILE *out, const struct family *f) {
  static const Hakmem__Metrics__MetricType types[] = {HAKMEM__METRICS__METRIC_TYPE__COUNTER, HAKMEM__METRICS__METRIC_TYPE__GAUGE,
                                                      HAKMEM__METRICS__METRIC_TYPE__HISTOGRAM};
  MetricFamily message;
  hakmem__metrics__metric_family__init(&message);
  char *const name = must_print("hakmem_%s%s", f->name, f->type == FAMILY_COUNTER ? "_total" : "");
  char *const help = must_print("%s.", f->help);
  struct metric *const metrics = must_allocate(f->count * sizeof(*metrics));
  Metric **const list = must_allocate(f->count * sizeof(*list));
  for (size_t i = 0; i < f->count; i++) {
    make_metric(&metrics[i], f, &f->samples[i]);
    list[i] = &metrics[i].metric;
  }
  message.name = name;
  message.help = help;
  message.type = types[f->type];
  message.metric = list;
  message.n_metric = f->count;
  const size_t length = hakmem__metrics__metric_family__get_packed_size(&message);
  uint8_t *const packed = must_allocate(length);
  hakmem__metrics__metric_family__pack(&message, packed);
  put_length(out, length);
  fwrite(packed, 1, length, out);
  free(packed);
  for (size_t i = 0; i < f->count; i++) free_metric(&metrics[i]);
  free(list);
  free(metrics);
  free(help);
  free(name);
}

void families_pack(FILE *out, const struct families *all) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].count > 0) pack_family(out, &all->list[i]);
  }
}
