#include "calls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static struct histogram *at(struct histogram **place) {
  if (*place == NULL) *place = must_allocate(sizeof(**place));
  return *place;
}

void calls_add_scaled(struct histogram *into, const struct histogram *sample, uint64_t count) {
  if (count == 0 || sample->count == 0) return;
  struct histogram scaled = {.count = count, .min_inverted = sample->min_inverted, .max = sample->max};
  uint64_t seen = 0, given = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) { /* each bucket ends where its share of the sum ends: so the rounding adds up to nothing */
    seen += sample->bucket[i];
    uint64_t until = whole_number((double)count * ((double)seen / (double)sample->count) + 0.5);
    if (seen < sample->count && until >= count)
      until = count - 1; /* the longest call was really made, so it stays also if there are fewer calls than samples */
    scaled.bucket[i] = less(until, given);
    given = until > given ? until : given;
  }
  scaled.sum = whole_number(histogram_mean(sample) * (double)count);
  histogram_merge(into, &scaled);
}

/* Samples whose weights have this sum of squares. */
struct sample {
  struct histogram times;
  double squares;
};

/* How many samples of equal weight tell as much. A damaged file may have any sum of squares. */
static double size_of(uint64_t weights, double squares) {
  const double sum = (double)weights, size = squares > sum ? sum * sum / squares : sum;
  return size < 1 && sum >= 1 ? 1 : size;
}

static void merge_sample(struct sample *into, const struct sample *from) {
  histogram_merge(&into->times, &from->times);
  into->squares += from->squares;
}

/* Those of STATS_LENGTHY_NS and longer stand for themselves. */
struct parts {
  struct sample brief;
  struct histogram lengthy;
};

static bool has_brief(const struct histogram *sample) {
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram_lower(i) < STATS_LENGTHY_NS; i++) {
    if (sample->bucket[i] != 0) return true;
  }
  return false;
}

/* The two together are `sample`, but for the rounding of the sums. */
static struct parts split(const struct histogram *sample, uint64_t squares) {
  struct parts parts = {.brief = {*sample, squares > sample->count ? (double)squares : (double)sample->count}};
  if (sample->max < STATS_LENGTHY_NS) return parts;
  struct histogram *const brief = &parts.brief.times;
  *brief = (struct histogram){0};
  parts.lengthy.max = sample->max;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const uint64_t lower = histogram_lower(i), upper = histogram_upper(i);
    struct histogram *const part = lower >= STATS_LENGTHY_NS ? &parts.lengthy : brief;
    if (sample->bucket[i] == 0) continue;
    if (part->count == 0) part->min_inverted = part == brief ? sample->min_inverted : ~lower;
    part->bucket[i] = sample->bucket[i];
    part->count += sample->bucket[i];
    if (part == brief) part->sum += sample->bucket[i] * (lower + (upper - lower) / 2);
    if (part == brief) part->max = upper < sample->max ? upper : sample->max;
  }
  if (brief->sum > sample->sum) brief->sum = sample->sum;
  parts.lengthy.sum = sample->sum - brief->sum;
  parts.brief.squares -= (double)parts.lengthy.count; /* each of them weighs 1 */
  return parts;
}

/* ---- Standard errors: see calls.h. ---- */

static struct quantile_range range_of(const struct histogram *h, double quantile, double error) {
  const double count = (double)h->count, rank = quantile * count;
  struct quantile_range range = {histogram_quantile(h, rank > error ? (rank - error) / count : 0), UINT64_MAX};
  if (rank + error <= count) range.upper = histogram_quantile(h, (rank + error) / count);
  return range;
}

static bool is_of(unsigned kind, unsigned kinds) { return kind == kinds || kinds == CALLS_ALL || (kinds == CALLS_ALLOCATE && kind != CALL_free); }

/* The sum of a square over the rows that a histogram has together. */
static double variance_of(struct timed timed, uint32_t cls, double row(const struct model_calls *calls, unsigned kind, uint32_t cls, unsigned bucket),
                          unsigned bucket) {
  double variance = 0;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    for (uint32_t c = 0; c < CLASS_ROWS; c++) {
      if (is_of(k, timed.kind) && (cls == c || cls == CLASS_ROWS)) variance += row(timed.calls, k, c, bucket);
    }
  }
  return variance;
}

static double below_of(const struct model_calls *calls, unsigned kind, uint32_t cls, unsigned bucket) {
  return calls->below[kind][cls] != NULL ? calls->below[kind][cls][bucket] : 0;
}

static double time_of(const struct model_calls *calls, unsigned kind, uint32_t cls, unsigned bucket) {
  (void)bucket;
  return calls->time_variance[kind][cls];
}

/* How many calls a sample stands for. */
static double each_of(struct timed timed, uint32_t cls) {
  uint64_t estimated = 0, samples = 0;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    for (uint32_t c = 0; c < CLASS_ROWS; c++) {
      if (!is_of(k, timed.kind) || (cls != c && cls != CLASS_ROWS)) continue;
      estimated += timed.calls->estimated[k][c];
      samples += timed.calls->independent[k][c];
    }
  }
  return samples > 0 ? (double)estimated / (double)samples : 0;
}

struct quantile_range timed_quantile(struct timed timed, uint32_t cls, const struct histogram *h, double quantile) {
  const uint64_t value = histogram_quantile(h, quantile);
  switch (timed.how) {
    case TIMED_SOME: return range_of(h, quantile, sqrt((double)h->count * quantile * (1 - quantile)));
    case TIMED_CALLS: return range_of(h, quantile, hypot(sqrt(variance_of(timed, cls, below_of, histogram_index(value))), each_of(timed, cls)));
    default: return (struct quantile_range){value, value};
  }
}

double timed_mean_error(struct timed timed, uint32_t cls, const struct histogram *h) {
  if (h->count == 0) return 0;
  switch (timed.how) {
    case TIMED_SOME: return sqrt(histogram_variance(h) / (double)h->count);
    case TIMED_CALLS: return sqrt(variance_of(timed, cls, time_of, 0)) / (double)h->count;
    default: return 0;
  }
}

/*
 * Of `count` calls that `sample` stands for; `count` itself has an error, too. `sharing`: the calls of all rows that it stands for. What is wrong with it is
 * wrong for all of them, so their errors add up, not the squares: each row has its part of the square of their sum.
 */
static void add_errors(struct model_calls *into, unsigned kind, uint32_t cls, const struct sample *sample, uint64_t count, uint64_t sharing,
                       double count_variance) {
  const struct histogram *const times = &sample->times;
  const double squared = (double)count * (double)sharing, n = size_of(times->count, sample->squares), mean = histogram_mean(times);
  uint64_t seen = 0;
  if (into->below[kind][cls] == NULL) into->below[kind][cls] = must_allocate(HISTOGRAM_BUCKETS * sizeof(double));
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    seen += times->bucket[i];
    const double p = (double)seen / (double)times->count;
    into->below[kind][cls][i] += squared * p * (1 - p) / n;
  }
  into->time_variance[kind][cls] += squared * histogram_variance(times) / n + count_variance * mean * mean;
}

/* ---- One process. ---- */

/* The sampled calls of one class that took a block, or freed one: by kind. */
struct shares {
  uint64_t fast; /* exact: blocks that were taken, or freed, on the fast path */
  uint64_t samples, kind[CALL_KIND_COUNT];
  double squares;     /* of the weights of `samples` */
  uint64_t unsampled; /* of all classes together: `fast` of those without samples */
};

/* Those of reallocs that freed a block weigh as those of the others, on average. */
static void add_weights(struct shares *s, const struct calls_of_process *calls, enum call_kind kind, uint32_t cls, uint64_t of) {
  const double count = (double)calls->fast[kind][cls].count, squares = (double)calls->squares[kind][cls];
  s->squares += count > 0 && squares > count ? (double)of * squares / count : (double)of;
}

static const enum call_kind allocating[] = {CALL_malloc, CALL_calloc, CALL_aligned};
#define ALLOCATING (sizeof(allocating) / sizeof(allocating[0]))

static struct shares shares_of_allocs(const struct calls_of_process *calls, const struct stats_class_counters *c, uint32_t cls) {
  struct shares s = {.fast = less(c->allocs, c->timed_in)};
  for (size_t i = 0; i < ALLOCATING; i++) {
    const enum call_kind kind = allocating[i];
    s.fast = less(s.fast, calls->slow[kind][cls].count);
    s.samples += s.kind[kind] = calls->fast[kind][cls].count;
    add_weights(&s, calls, kind, cls, s.kind[kind]);
  }
  s.samples += s.kind[CALL_realloc] = less(calls->fast[CALL_realloc][cls].count, c->sampled_stays);
  add_weights(&s, calls, CALL_realloc, cls, s.kind[CALL_realloc]);
  return s;
}

/* A realloc that moves its block also frees one. It is a call of the class that it allocates from. */
static struct shares shares_of_frees(const struct calls_of_process *calls, const struct stats_class_counters *c, uint32_t cls) {
  struct shares s = {.fast = less(less(c->frees, c->timed_out), calls->slow[CALL_free][cls].count)};
  s.kind[CALL_free] = calls->fast[CALL_free][cls].count;
  s.samples = s.kind[CALL_free] + c->sampled_out;
  add_weights(&s, calls, CALL_free, cls, s.samples);
  return s;
}

/*
 * Four calls are sampled in a row, of which about two allocate and two free. Two neighbours are mostly of the same kind. So they count as one sample here.
 */
#define SERIES_SIDE 2.0

/* With one more sample of this kind, and one of another: so what all samples say is not certain. */
static double share_in_all(const struct shares *all, unsigned kind) {
  const double n = (double)all->samples, size = size_of(all->samples, all->squares) / SERIES_SIDE;
  return (size * (double)all->kind[kind] / n + 1) / (size + 2);
}

/*
 * Of `s->fast` calls, those of a kind, which the process uses if `exists`. *variance grows by the square of the standard error; a share of 0 or 1 is not
 * taken for certain. The classes without samples have one estimate: see add_errors.
 */
static uint64_t share_of(const struct shares *s, unsigned kind, const struct shares *all, bool exists, double *variance) {
  const struct shares *const from = s->samples > 0 ? s : all; /* a class without samples: as in all classes */
  if (s->fast == 0) return 0;
  if (from->samples == 0) return kind == CALL_malloc || kind == CALL_free ? s->fast : 0;
  const double n = (double)from->samples, size = size_of(from->samples, from->squares) / SERIES_SIDE;
  const double in_all = share_in_all(all, kind), p = from == s ? ((double)s->kind[kind] / n + in_all) / 2 : in_all; /* few samples of a class may be alike */
  const double off = p - (double)from->kind[kind] / n;
  if (exists) *variance += (double)s->fast * (double)(from == s ? s->fast : all->unsampled) * (p * (1 - p) / size + off * off);
  /* The kinds share without a rest: each gets what lies between its bounds. */
  uint64_t before = 0;
  for (unsigned k = 0; k < kind; k++) before += from->kind[k];
  const double lower = (double)s->fast * ((double)before / n) + 0.5, upper = (double)s->fast * ((double)(before + from->kind[kind]) / n) + 0.5;
  return less(whole_number(upper), whole_number(lower));
}

static void add_shares(struct shares *all, const struct shares *s) {
  all->fast += s->fast;
  if (s->samples == 0) all->unsampled += s->fast;
  all->samples += s->samples;
  all->squares += s->squares;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) all->kind[k] += s->kind[k];
}

/* The fast calls of each row, the square of the standard error, and those of all rows of a kind without a brief sample of their own. */
struct fast_calls {
  uint64_t count[CALL_KIND_COUNT][CLASS_ROWS], sharing[CALL_KIND_COUNT];
  double variance[CALL_KIND_COUNT][CLASS_ROWS];
};

/*
 * Adds the fast calls of a row. Its lengthy samples count once. The others are in the shape of its brief samples; without one, in the shape of its
 * kind's, else of all samples.
 */
static void add_fast(struct model_calls *into, unsigned kind, uint32_t cls, const struct parts *own, const struct sample *const shapes[2],
                     const struct fast_calls *fast) {
  const double variance = fast->variance[kind][cls];
  uint64_t count = fast->count[kind][cls];
  if (own->lengthy.count > 0 && own->lengthy.count <= count) {
    histogram_merge(at(&into->times[kind][cls]), &own->lengthy);
    count -= own->lengthy.count;
  }
  const struct sample *const all[] = {&own->brief, shapes[0], shapes[1]};
  into->estimated[kind][cls] += count;
  into->independent[kind][cls] += whole_number(size_of(own->brief.times.count, own->brief.squares) + 0.5); /* only its own: shapes are others' */
  for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    if (all[i]->times.count == 0) continue;
    if (count > 0) calls_add_scaled(at(&into->times[kind][cls]), &all[i]->times, count);
    if (count > 0 || variance > 0) add_errors(into, kind, cls, all[i], count, i == 0 ? count : fast->sharing[kind], variance);
    return;
  }
  into->untimed[kind][cls] += count;
}

static void count_fast(struct fast_calls *into, const struct calls_of_process *calls, const struct stats_class_counters *c, uint32_t cls,
                       const struct shares all[2], double weight, const bool exists[CALL_KIND_COUNT]) {
  const struct shares a = shares_of_allocs(calls, c, cls), f = shares_of_frees(calls, c, cls);
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    const struct histogram *const fast = &calls->fast[kind][cls];
    double *const variance = &into->variance[kind][cls];
    uint64_t count = kind == CALL_free ? share_of(&f, kind, &all[1], exists[kind], variance) : share_of(&a, kind, &all[0], exists[kind], variance);
    if (kind == CALL_realloc) {
      const double stays = (double)c->sampled_stays;
      count += whole_number(stays * weight + 0.5);
      const double each = fast->count > 0 ? (double)fast->count / size_of(fast->count, (double)calls->squares[kind][cls]) : 1; /* mean weight of a sample */
      *variance += (stays * each + (calls->slow[kind][cls].count > 0)) * weight * weight; /* if it is known that there were some, 0 is not certain */
    }
    into->count[kind][cls] = count;
  }
}

void calls_add(struct model_calls *into, const struct calls_of_process *calls, const struct stats_class_counters counters[CLASS_ROWS]) {
  struct shares all[2] = {{0}};                                                       /* of allocations, and of frees */
  struct sample *const shape = must_allocate(sizeof(*shape) * (CALL_KIND_COUNT + 1)); /* of each kind, and of all */
  struct fast_calls *const fast = must_allocate(sizeof(*fast));
  struct parts *const own = must_allocate(sizeof(*own));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct shares a = shares_of_allocs(calls, &counters[cls], cls), f = shares_of_frees(calls, &counters[cls], cls);
    add_shares(&all[0], &a);
    add_shares(&all[1], &f);
    for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
      *own = split(&calls->fast[kind][cls], calls->squares[kind][cls]);
      merge_sample(&shape[kind], &own->brief);
      merge_sample(&shape[CALL_KIND_COUNT], &own->brief);
    }
  }
  /* A kind that the process uses may be rare in each class: without a sample there, its share is small, but not certainly 0. */
  bool exists[CALL_KIND_COUNT] = {false};
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) exists[kind] = exists[kind] || calls->slow[kind][cls].count > 0 || calls->fast[kind][cls].count > 0;
  }
  /* What only one kind does is certain. */
  unsigned allocating_kinds = exists[CALL_realloc];
  for (size_t i = 0; i < ALLOCATING; i++) allocating_kinds += exists[allocating[i]];
  for (size_t i = 0; i < ALLOCATING && allocating_kinds == 1; i++) exists[allocating[i]] = false;
  if (!exists[CALL_realloc]) exists[CALL_free] = false;
  const double sampled = (double)(all[0].samples + all[1].samples), weight = sampled > 0 ? (double)(all[0].fast + all[1].fast) / sampled : 1;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    count_fast(fast, calls, &counters[cls], cls, all, weight, exists);
    for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
      if (!has_brief(&calls->fast[kind][cls])) fast->sharing[kind] += fast->count[kind][cls];
    }
  }
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
      const struct histogram *const slow = &calls->slow[kind][cls], *const sample = &calls->fast[kind][cls];
      *own = split(sample, calls->squares[kind][cls]);
      add_fast(into, kind, cls, own, (const struct sample *[]){&shape[kind], &shape[CALL_KIND_COUNT]}, fast);
      into->variance[kind][cls] += fast->variance[kind][cls];
      if (slow->count > 0) histogram_merge(at(&into->times[kind][cls]), slow);
      into->timed[kind][cls] += slow->count;
      into->sampled[kind][cls] += whole_number(size_of(sample->count, (double)calls->squares[kind][cls]) + 0.5);
    }
  }
  into->known = true;
  free(own);
  free(fast);
  free(shape);
}

/* ---- All of them. ---- */

struct histogram *calls_merged(const struct model_calls *calls, unsigned kind) {
  struct histogram *merged = NULL;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      if ((kind == k || kind == CALL_KIND_COUNT) && calls->times[k][cls] != NULL) histogram_merge(at(&merged), calls->times[k][cls]);
    }
  }
  return merged;
}

struct histogram *calls_of_class(const struct model_calls *calls, uint32_t cls, bool frees) {
  struct histogram *merged = NULL;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    if ((k == CALL_free) == frees && calls->times[k][cls] != NULL) histogram_merge(at(&merged), calls->times[k][cls]);
  }
  return merged;
}

uint64_t calls_count(const struct model_calls *calls, unsigned kind, double *error) {
  uint64_t count = 0;
  double variance = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    count += calls->untimed[kind][cls] + (calls->times[kind][cls] != NULL ? calls->times[kind][cls]->count : 0);
    variance += calls->variance[kind][cls];
  }
  *error = sqrt(variance);
  return count;
}

uint64_t calls_untimed(const struct model_calls *calls, unsigned kind) {
  uint64_t untimed = 0;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS && (kind == k || kind == CALL_KIND_COUNT); cls++) untimed += calls->untimed[k][cls];
  }
  return untimed;
}

double calls_time(const struct model_calls *calls, unsigned kind, double *error) {
  double time_ns = 0, variance = 0;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS && (kind == k || kind == CALL_KIND_COUNT); cls++) {
      time_ns += calls->times[k][cls] != NULL ? (double)calls->times[k][cls]->sum : 0;
      variance += calls->time_variance[k][cls];
    }
  }
  *error = sqrt(variance);
  return time_ns;
}

void calls_free(struct model_calls *calls) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      free(calls->times[kind][cls]);
      free(calls->below[kind][cls]);
    }
  }
}
