#include "calls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    uint64_t until = (uint64_t)((double)count * ((double)seen / (double)sample->count) + 0.5);
    if (seen < sample->count && until >= count)
      until = count - 1; /* the longest call was really made, so it stays also if there are fewer calls than samples */
    scaled.bucket[i] = less(until, given);
    given = until > given ? until : given;
  }
  scaled.sum = (uint64_t)(histogram_mean(sample) * (double)count);
  histogram_merge(into, &scaled);
}

/*
 * A call on the fast path takes this long only if the processor was given to others, or a page was made ready for it. That happens as often as time
 * passes, not as often as calls are made, and a sample takes more time than a call. So such a sample stands for itself, and not for others.
 */
#define LENGTHY_NS 100000

struct parts {
  struct histogram brief, lengthy;
};

/* The two together are `sample`, but for the rounding of the sums. */
static struct parts split(const struct histogram *sample) {
  struct parts parts = {.brief = *sample};
  if (sample->max < LENGTHY_NS) return parts;
  parts = (struct parts){.lengthy.max = sample->max};
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    const uint64_t lower = histogram_lower(i), upper = histogram_upper(i);
    struct histogram *const part = lower >= LENGTHY_NS ? &parts.lengthy : &parts.brief;
    if (sample->bucket[i] == 0) continue;
    if (part->count == 0) part->min_inverted = part == &parts.brief ? sample->min_inverted : ~lower;
    part->bucket[i] = sample->bucket[i];
    part->count += sample->bucket[i];
    if (part == &parts.brief) part->sum += sample->bucket[i] * (lower + (upper - lower) / 2);
    if (part == &parts.brief) part->max = upper < sample->max ? upper : sample->max;
  }
  if (parts.brief.sum > sample->sum) parts.brief.sum = sample->sum;
  parts.lengthy.sum = sample->sum - parts.brief.sum;
  return parts;
}

/* ---- One process. ---- */

/* The sampled calls of one class that took a block, or freed one: by kind. */
struct shares {
  uint64_t fast; /* exact: blocks that were taken, or freed, on the fast path */
  uint64_t samples, kind[CALL_KIND_COUNT];
};

static const enum call_kind allocating[] = {CALL_malloc, CALL_calloc, CALL_aligned};
#define ALLOCATING (sizeof(allocating) / sizeof(allocating[0]))

static struct shares shares_of_allocs(const struct calls_of_process *calls, const struct stats_class_counters *c, uint32_t cls) {
  struct shares s = {.fast = less(c->allocs, c->timed_in)};
  for (size_t i = 0; i < ALLOCATING; i++) {
    const enum call_kind kind = allocating[i];
    s.fast = less(s.fast, calls->slow[kind][cls].count);
    s.samples += s.kind[kind] = calls->fast[kind][cls].count;
  }
  s.samples += s.kind[CALL_realloc] = less(calls->fast[CALL_realloc][cls].count, c->sampled_stays);
  return s;
}

/* A realloc that moves its block also frees one. It is a call of the class that it allocates from. */
static struct shares shares_of_frees(const struct calls_of_process *calls, const struct stats_class_counters *c, uint32_t cls) {
  struct shares s = {.fast = less(less(c->frees, c->timed_out), calls->slow[CALL_free][cls].count)};
  s.kind[CALL_free] = calls->fast[CALL_free][cls].count;
  s.samples = s.kind[CALL_free] + c->sampled_out;
  return s;
}

/*
 * Of `s->fast` calls, those of a kind, which the process uses if `exists`. *variance grows by the square of the standard error; a share of 0 or 1 is not
 * taken for certain.
 */
static uint64_t share_of(const struct shares *s, unsigned kind, const struct shares *all, bool exists, double *variance) {
  const struct shares *const from = s->samples > 0 ? s : all; /* a class without samples: as in all classes */
  if (s->fast == 0) return 0;
  if (from->samples == 0) return kind == CALL_malloc || kind == CALL_free ? s->fast : 0;
  const double n = (double)from->samples, p = ((double)from->kind[kind] + 1) / (n + 2);
  if (exists) *variance += (double)s->fast * (double)s->fast * p * (1 - p) / n;
  /* The kinds share without a rest: each gets what lies between its bounds. */
  uint64_t before = 0;
  for (unsigned k = 0; k < kind; k++) before += from->kind[k];
  const double lower = (double)s->fast * ((double)before / n) + 0.5, upper = (double)s->fast * ((double)(before + from->kind[kind]) / n) + 0.5;
  return less((uint64_t)upper, (uint64_t)lower);
}

static void add_shares(struct shares *all, const struct shares *s) {
  all->fast += s->fast;
  all->samples += s->samples;
  for (unsigned k = 0; k < CALL_KIND_COUNT; k++) all->kind[k] += s->kind[k];
}

/*
 * Adds the fast calls of a row. Its lengthy samples count once. The others are in the shape of its brief samples; without one, in the shape of its
 * kind's, else of all samples.
 */
static void add_fast(struct model_calls *into, unsigned kind, uint32_t cls, const struct parts *own, const struct histogram *const shapes[2], uint64_t count) {
  if (own->lengthy.count > 0 && own->lengthy.count <= count) {
    histogram_merge(at(&into->times[kind][cls]), &own->lengthy);
    count -= own->lengthy.count;
  }
  const struct histogram *const all[] = {&own->brief, shapes[0], shapes[1]};
  for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    if (all[i]->count == 0) continue;
    if (count > 0) calls_add_scaled(at(&into->times[kind][cls]), all[i], count);
    return;
  }
  into->untimed[kind][cls] += count;
}

void calls_add(struct model_calls *into, const struct calls_of_process *calls, const struct stats_class_counters counters[CLASS_ROWS]) {
  struct shares allocs = {0}, frees = {0};
  struct histogram *const shape = must_allocate(sizeof(*shape) * (CALL_KIND_COUNT + 1)); /* of each kind, and of all */
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct shares a = shares_of_allocs(calls, &counters[cls], cls), f = shares_of_frees(calls, &counters[cls], cls);
    add_shares(&allocs, &a);
    add_shares(&frees, &f);
    for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
      const struct parts own = split(&calls->fast[kind][cls]);
      histogram_merge(&shape[kind], &own.brief);
      histogram_merge(&shape[CALL_KIND_COUNT], &own.brief);
    }
  }
  /* A kind that the process uses may be rare in each class: without a sample there, its share is small, but not certainly 0. */
  bool exists[CALL_KIND_COUNT] = {false};
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) exists[kind] = exists[kind] || calls->slow[kind][cls].count > 0 || calls->fast[kind][cls].count > 0;
  }
  const double sampled = (double)(allocs.samples + frees.samples), weight = sampled > 0 ? (double)(allocs.fast + frees.fast) / sampled : 1;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct shares a = shares_of_allocs(calls, &counters[cls], cls), f = shares_of_frees(calls, &counters[cls], cls);
    for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
      const struct histogram *const slow = &calls->slow[kind][cls], *const fast = &calls->fast[kind][cls];
      double *const variance = &into->variance[kind][cls];
      uint64_t count = kind == CALL_free ? share_of(&f, kind, &frees, exists[kind], variance) : share_of(&a, kind, &allocs, exists[kind], variance);
      if (kind == CALL_realloc) {
        const double stays = (double)counters[cls].sampled_stays;
        count += (uint64_t)(stays * weight + 0.5);
        *variance += (stays + (slow->count > 0)) * weight * weight; /* if it is known that there were some, 0 is not certain */
      }
      const struct parts own = split(fast);
      add_fast(into, kind, cls, &own, (const struct histogram *[]){&shape[kind], &shape[CALL_KIND_COUNT]}, count);
      if (slow->count > 0) histogram_merge(at(&into->times[kind][cls]), slow);
      into->timed[kind][cls] += slow->count;
      into->sampled[kind][cls] += fast->count;
    }
  }
  into->known = true;
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

void calls_free(struct model_calls *calls) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) free(calls->times[kind][cls]);
  }
}
