/*
 * explain_memory.c: rules about memory: where it is held, and whether it grows.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "common/format.h"

#define TOO_FEW "the run was too short for snapshots (HAKMEM_STATS_INTERVAL sets how often they are taken)"
#define REST_SHARE 0.2 /* of the run */
#define SAME_TIME 0.02 /* of the run: so near to its end a snapshot is the last state itself */
#define REST_LEAST 5e8 /* ns; a shorter rest is not worth a finding */
#define NO_BUCKETS "a trace without stats files does not say where the memory is"

static bool is_much(double bytes, double whole) { return bytes >= threshold.memory_bytes && bytes >= threshold.memory_share * whole; }

/* ---- External fragmentation. ---- */

/*
 * The advice for the largest of the buckets that hold no live block. An option without a value is a delay: it gets a tenth of its current value.
 * The allocator's own tables are small, and get no advice.
 */
struct advice {
  const char *option, *value, *what, *effect;
};
#define ADVICE_cached_tls \
  { "HAKMEM_DRAIN_INTERVAL", "256", NULL, "spare lists enter the pool eight times as soon; busy threads return unused blocks" }
#define ADVICE_cached_pool \
  { "HAKMEM_RELEASE_DELAY", NULL, NULL, "unused batches return to their slabs after this many milliseconds" }
#define ADVICE_partial \
  { \
    NULL, NULL, \
      "Few live blocks hold many slabs: allocate long-lived objects apart from short-lived ones (at the start, or in a " \
      "pool of its own), so that slabs become empty.", \
      "empty slabs serve any class, and are returned to the kernel" \
  }
#define ADVICE_empty \
  { \
    "HAKMEM_RELEASE_DELAY", NULL, NULL, \
      "empty SuperSlabs are returned to the kernel, and free units are purged, this many milliseconds after their " \
      "last use; memory that is needed again costs page faults" \
  }
#define ADVICE_tails \
  { \
    NULL, NULL, "Blocks of these sizes leave a tail in each slab: slightly smaller ones fit once more.", \
      "less unused space behind the last block of each slab" \
  }
#define ADVICE_huge_cache \
  { "HAKMEM_RELEASE_DELAY", NULL, NULL, "freed huge blocks are kept for reuse for only this many milliseconds" }

#define ADVISED_BUCKETS(B) B(cached_tls) B(cached_pool) B(partial) B(empty) B(tails) B(huge_cache)

struct bucket {
  const char *name, *meaning;
  uint64_t bytes;
  struct advice advice;
};

static const char *bucket_meaning(const char *name) {
#define MEANING_OF(bucket, meaning) \
  if (strcmp(name, #bucket) == 0) return meaning;
  STATS_BUCKETS(MEANING_OF)
  return "";
}

/* The largest of the buckets with advice; *sum is the sum of all of these. */
static struct bucket largest_bucket(const struct stats_buckets *all, uint64_t *sum) {
#define BUCKET_ENTRY(name) {#name, bucket_meaning(#name), all->name, ADVICE_##name},
  const struct bucket buckets[] = {ADVISED_BUCKETS(BUCKET_ENTRY)};
  struct bucket largest = {0};
  *sum = 0;
  for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
    *sum += buckets[i].bytes;
    if (buckets[i].bytes > largest.bytes || largest.name == NULL) largest = buckets[i];
  }
  return largest;
}

/* A process at the moment that a finding is about. */
struct held {
  struct stats_idlest at; /* `idle`: resident bytes that are in no live block */
  struct stats_pins pins[CLASS_COUNT];
  bool is_last; /* its end, or now, if it is alive */
};

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* The last state, as far as it is known. */
static struct held last_state(const struct model_process *p) {
  struct held h = {.is_last = true};
  const uint64_t touched = model_touched(p);
  h.at = (struct stats_idlest){.time_ns = p->elapsed_ns, .allocated = p->buckets.live, .committed = p->committed, .rss = p->rss, .buckets = p->buckets};
  h.at.idle = above(touched < p->rss ? touched : p->rss, p->buckets.live);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct model_gauges *const g = &p->counts->cls[cls].gauge;
    const uint64_t stride = class_stride(cls);
    h.at.gauge[cls] = (struct stats_class_gauges){.active = g->active, .slabs = g->slabs, .live = g->allocated / stride, .partial = g->partial / stride};
    h.pins[cls] = p->counts->cls[cls].pins;
  }
  return h;
}

static struct held idlest_state(const struct model_process *p) {
  struct held h = {.at = p->idlest};
  memcpy(h.pins, p->idlest_pins, sizeof(h.pins));
  return h;
}

/*
 * Nanoseconds without a snapshot before the last state, if they are a large part of the run; else 0. A process that rests takes no snapshot,
 * because it makes no call.
 */
static double rest_of(const struct model_process *p) {
  double before = 0;
  for (size_t i = 0; i < p->timeline_length; i++) {
    const double at = (double)p->timeline[i].time_ns;
    if (at < (double)p->elapsed_ns * (1 - REST_SHARE)) before = at;
    else if (at < (double)p->elapsed_ns * (1 - SAME_TIME)) return 0;
  }
  return (double)p->elapsed_ns - before;
}

/*
 * Bytes that were resident but neither in a live block nor in the allocator's tables, on average over the run. Below 0 if the data do not tell. A
 * snapshot stands for the time until the next one. So the last one, when a program has freed its blocks, has no weight, unless the process rested
 * before it. Then the moment in that time at which the memory became free is unknown, and both ends of the time have the same weight.
 */
static double mean_idle(const struct model_process *p) {
  const double rest = rest_of(p);
  const struct held last = last_state(p);
  double sum = rest * (double)above(last.at.idle, p->buckets.metadata) / 2, time = rest / 2;
  for (size_t i = 1; i < p->timeline_length; i++) {
    const struct stats_moment *const m = &p->timeline[i - 1];
    if (m->committed == UNKNOWN || m->rss == UNKNOWN || m[1].time_ns < m->time_ns) continue;
    const uint64_t held = m->committed < m->rss ? m->committed : m->rss, known = m->allocated + p->idlest.buckets.metadata;
    double span = (double)(m[1].time_ns - m->time_ns);
    if (rest > 0 && (double)m[1].time_ns >= (double)p->elapsed_ns * (1 - SAME_TIME)) span = rest / 2;
    sum += span * (held > known ? (double)(held - known) : 0);
    time += span;
  }
  const bool known = p->timeline_length >= (size_t)threshold.moments || (rest >= REST_LEAST && p->has_buckets);
  return known && time > 0 ? sum / time : -1;
}

void explain_pinned_slabs(struct finding *f, const struct stats_pins *pins) {
  char bytes[FORMAT_SIZE], mean[FORMAT_SIZE], longest[FORMAT_SIZE];
  if (pins->slabs == 0) return;
  const double mean_ms = (double)pins->idle_ms / (double)pins->slabs;
  finding_evidence(
    f, "%" PRIu64 " of these slabs, with %s free, are held by at most %d %% of their blocks; no block was taken from them for %s on average, %s at most",
    pins->slabs, format_bytes(bytes, pins->free), STATS_PINNED, format_ns(mean, mean_ms * 1e6), format_ns(longest, (double)pins->longest_ms * 1e6));
  finding_figure(f, "pinned_slabs", (double)pins->slabs);
  finding_figure(f, "pinned_ms", mean_ms);
}

/* Names the class whose partial slabs hold most. */
static void name_partial_class(struct finding *f, const struct held *h) {
  const struct stats_idlest *const idlest = &h->at;
  uint32_t most = 0;
#define PARTIAL_BYTES(cls) (idlest->gauge[cls].partial * class_stride(cls))
  for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
    if (PARTIAL_BYTES(cls) > PARTIAL_BYTES(most)) most = cls;
  }
  const struct stats_class_gauges *const g = &idlest->gauge[most];
  char class[EXPLAIN_CLASS], a[FORMAT_SIZE], b[FORMAT_SIZE];
  if (g->partial == 0) return;
  finding_evidence(f, "most of the partial slabs are of %s: %" PRIu64 " slabs, %s, with %" PRIu64 " live blocks and %s free", explain_class(class, most),
                   g->slabs, format_bytes(a, g->active), g->live, format_bytes(b, PARTIAL_BYTES(most)));
  finding_figure(f, "partial_class", most);
  explain_pinned_slabs(f, &h->pins[most]);
}

static void tell_external(struct diagnosis *d, const struct model_process *p) {
  uint64_t sum;
  const struct held at_end = last_state(p), at_most = idlest_state(p);
  const bool rests = rest_of(p) > 0 || model_is_alive(p);
  const struct held *const h = rests && at_end.at.idle * 2 > at_most.at.idle ? &at_end : &at_most;
  const struct stats_idlest *const idlest = &h->at;
  const struct bucket largest = largest_bucket(&idlest->buckets, &sum);
  const double mean = mean_idle(p), whole = explain_whole_memory(p), held = (double)(idlest->allocated + idlest->idle);
  if (mean < 0 || idlest->time_ns == 0 || !is_much(mean, whole) || (double)idlest->idle < threshold.external_share * held) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE], share[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "external_fragmentation", FINDING_COST, p);
  const char *const when = !h->is_last ? "when most was free" : model_is_alive(p) ? "now" : "at the end";
  finding_what(f, "%s of the allocator's memory %s in no live block %s; the largest part is %s (%s).", format_percent(share, (double)idlest->idle, held),
               h->is_last && model_is_alive(p) ? "is" : "was", when, largest.name, largest.meaning);
  finding_cost(f, COST_BYTES, mean, whole);
  finding_evidence(f, "%s, after %s: %s of the allocator's %s of resident memory", when, format_ns(share, (double)idlest->time_ns),
                   format_bytes(a, idlest->idle), format_bytes(b, explain_whole(held)));
  finding_evidence(f, "over the run, %s on average", format_bytes(a, explain_whole(mean)));
#define TELL_BUCKET(name) \
  if (idlest->buckets.name * 10 >= sum) finding_evidence(f, "then %s %s", format_bytes(a, idlest->buckets.name), bucket_meaning(#name));
  ADVISED_BUCKETS(TELL_BUCKET)
  if (largest.bytes == idlest->buckets.partial) name_partial_class(f, h);
  if (largest.bytes == idlest->buckets.partial) explain_pins(f, d, p, h->is_last);
  finding_figure(f, "idle", (double)idlest->idle);
  finding_figure(f, "mean_idle", mean);
  finding_figure(f, largest.name, (double)largest.bytes);
  if (largest.advice.value != NULL) finding_option(f, largest.advice.option, "%s", largest.advice.value);
  else if (largest.advice.option != NULL) finding_option(f, largest.advice.option, "%" PRIu64, p->release_delay / 10);
  else finding_change(f, "%s", largest.advice.what);
  finding_effect(f, "%s; up to %s less", largest.advice.effect, format_bytes(a, largest.bytes));
  if (largest.bytes != idlest->buckets.partial) {
    finding_change(f, "Call malloc_trim(0) after the program has freed much memory, in the thread that freed it.");
    finding_effect(f, "the thread's lists, batches and empty SuperSlabs are returned at once");
  }
}

const char *rule_external_fragmentation(struct diagnosis *d) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (mean_idle(d->r->processes[i]) < 0) continue;
    any = true;
    tell_external(d, d->r->processes[i]);
  }
  return any ? NULL : d->r->source == SOURCE_TRACE ? NO_BUCKETS : TOO_FEW;
}

/* ---- Internal fragmentation. ---- */

/* The most bytes by which the blocks exceeded their requests, at any snapshot. */
static double most_internal(const struct model_process *p) {
  double most = 0;
  for (size_t i = 0; i < p->timeline_length; i++) {
    const struct stats_moment *const m = &p->timeline[i];
    if (m->allocated > m->requested && (double)(m->allocated - m->requested) > most) most = (double)(m->allocated - m->requested);
  }
  return most;
}

/* Unused bytes in the blocks of a class's sampled requests. */
static double unused(const struct stats_class_counters *c, uint64_t stride) {
  const double all = (double)c->request_samples * (double)stride;
  return all > (double)c->request_bytes ? all - (double)c->request_bytes : 0;
}

static void tell_internal(struct diagnosis *d, const struct model_process *p) {
  double all = 0, worst = 0;
  uint32_t cls = 0;
  for (uint32_t i = 0; i < CLASS_COUNT; i++) {
    const double here = unused(&p->counts->cls[i].counters, class_stride(i));
    all += here;
    if (here > worst) worst = here, cls = i;
  }
  const struct stats_class_counters *const c = &p->counts->cls[cls].counters;
  const double whole = explain_whole_memory(p), cost = all > 0 ? most_internal(p) * worst / all : 0, stride = class_stride(cls);
  const double share = c->request_samples > 0 ? worst / ((double)c->request_samples * stride) : 0;
  if (!is_much(cost, whole) || share < threshold.internal_share) return;
  char class[EXPLAIN_CLASS], name[FORMAT_SIZE], bytes[FORMAT_SIZE], smaller[FORMAT_SIZE];
  const double mean = (double)c->request_bytes / (double)c->request_samples;
  struct finding *const f = finding_add(d, "internal_fragmentation", FINDING_COST, p);
  finding_what(f, "Blocks of %s hold requests of %.1f bytes on average: %s of each is unused.", explain_class(class, cls), mean,
               format_percent(name, share, 1));
  finding_cost(f, COST_BYTES, cost, whole);
  finding_evidence(f, "%" PRIu64 " requests sampled in this class, %" PRIu64 " blocks handed out", c->request_samples, c->allocs);
  finding_evidence(f, "at most %s of the live blocks of all classes were unused; this class's part follows from its requests",
                   format_bytes(bytes, explain_whole(most_internal(p))));
  finding_figure(f, "class", cls);
  finding_figure(f, "mean_request", mean);
  finding_figure(f, "share", share);
  if (cls > 0 && mean <= class_stride(cls - 1) * 1.02) { /* tolerates a few larger requests */
    const double less = (stride - class_stride(cls - 1)) / stride;
    finding_change(f, "Ask for at most %" PRIu32 " bytes (a block's last byte is its neighbour's header), or pack two objects into one block.",
                   class_stride(cls - 1) - 1);
    finding_effect(f, "%s instead of %s for each block, %.0f %% less", format_bytes(smaller, class_stride(cls - 1)), format_bytes(bytes, class_stride(cls)),
                   less * 100);
  } else {
    finding_change(f, "Requests of many sizes share this class; the smallest of them waste most. Sort the object's fields by size, or pack "
                      "several small objects into one block.");
    finding_effect(f, "up to %s of each block", format_percent(name, share, 1));
  }
}

const char *rule_internal_fragmentation(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) tell_internal(d, d->r->processes[i]);
  return NULL;
}

/* ---- Growth. ---- */

/* A straight line through the live bytes in the last three quarters of the run. */
struct trend {
  double per_ns, fit, from, to;
  size_t points;
};

static struct trend trend_of(const struct model_process *p) {
  struct trend t = {0};
  const size_t first = p->timeline_length / 4;
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (size_t i = first; i < p->timeline_length; i++) {
    const double x = (double)p->timeline[i].time_ns, y = (double)p->timeline[i].allocated;
    n++, sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
  }
  const double xx = n * sxx - sx * sx, yy = n * syy - sy * sy, xy = n * sxy - sx * sy;
  t.points = (size_t)n;
  if (n < 2 || xx <= 0 || yy <= 0) return t;
  t.per_ns = xy / xx;
  t.fit = xy * xy / (xx * yy);
  t.from = (double)p->timeline[first].allocated;
  t.to = (double)p->timeline[p->timeline_length - 1].allocated;
  return t;
}

static void tell_growth(struct diagnosis *d, const struct model_process *p) {
  const struct trend t = trend_of(p);
  const double grown = t.to - t.from, whole = explain_whole_memory(p);
  if (p->timeline_length < (size_t)threshold.moments || t.per_ns <= 0 || t.fit < threshold.growth_fit) return;
  if (!is_much(grown, whole) || grown < threshold.growth_share * t.to) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE], rate[FORMAT_SIZE], class[EXPLAIN_CLASS];
  uint32_t most = 0;
  for (uint32_t cls = 1; cls < CLASS_ROWS; cls++) {
    if (p->counts->cls[cls].gauge.allocated > p->counts->cls[most].gauge.allocated) most = cls;
  }
  struct finding *const f = finding_add(d, "growth", FINDING_COST, p);
  format_bytes(rate, explain_whole(t.per_ns * 1e9));
  finding_what(f, "Live memory grew all along the run, by %s a second.", rate);
  finding_cost(f, COST_BYTES, grown, whole);
  finding_evidence(f, "from %s to %s in the last three quarters, over %zu snapshots (r squared %.2f)", format_bytes(a, explain_whole(t.from)),
                   format_bytes(b, explain_whole(t.to)), t.points, t.fit);
  finding_evidence(f, "at the end most of it was in %s: %s", explain_class(class, most), format_bytes(a, p->counts->cls[most].gauge.allocated));
  explain_largest_sites(f, d, p);
  finding_figure(f, "bytes_per_second", t.per_ns * 1e9);
  finding_figure(f, "fit", t.fit);
  finding_change(f, "If the program should be at rest, it allocates blocks of that class without freeing them. Find the code that allocates them "
                    "(hakmem record --full, or a breakpoint on their size).");
  finding_effect(f, "at this rate another GiB is gone in %s", format_ns(a, 1073741824.0 / t.per_ns));
}

const char *rule_growth(struct diagnosis *d) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (d->r->processes[i]->timeline_length < (size_t)threshold.moments) continue;
    any = true;
    tell_growth(d, d->r->processes[i]);
  }
  return any ? NULL : TOO_FEW;
}

/* ---- Memory that is not the allocator's. ---- */

static void tell_residual(struct diagnosis *d, const struct model_process *p) {
  const double held = (double)model_touched(p);
  const double residual = (double)p->rss - held;
  if (residual < threshold.residual_bytes || residual < threshold.residual_share * (double)p->rss) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "residual", FINDING_COST, p);
  finding_what(f, "%s of the resident memory is not the allocator's.", format_percent(a, residual, (double)p->rss));
  finding_cost(f, COST_BYTES, residual, explain_whole_memory(p));
  finding_evidence(f, "RSS %s = %s of hakmem + %s of everything else", format_bytes(a, p->rss), format_bytes(b, explain_whole(held)),
                   format_bytes(c, explain_whole(residual)));
  finding_evidence(f, "%s of that are pages of files: code, and data that was never written to", format_bytes(a, p->rss_files));
  finding_figure(f, "residual_bytes", residual);
  finding_change(f, "Look at the process's other mappings (/proc/PID/smaps, pmap -X PID): code and data of libraries, thread stacks, files and "
                    "memory that the program maps itself.");
  finding_effect(f, "no change of the allocator's options makes this part smaller");
}

const char *rule_residual(struct diagnosis *d) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (!d->r->processes[i]->has_buckets) continue;
    any = true;
    tell_residual(d, d->r->processes[i]);
  }
  return any ? NULL : NO_BUCKETS;
}
