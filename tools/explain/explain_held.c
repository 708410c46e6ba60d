/*
 * explain_held.c: rules about memory that is resident and in no live block: one rule for each place where it can be, because each has an advice of its own.
 *
 *   the state that is looked at:  now, if the process is alive, or when its file was copied.  Its end, if it was killed or if the memory had been free
 *                                 for long by then.  Else, or if more than twice as much was free on average over the run: the snapshot with most free memory. The library
 *                                 does not count the end as one.
 *   cost of a place = its bytes in that state, or, if that state is over, its share of what was free on average over the run
 *
 * A process that frees its blocks because it is about to end has much free memory then, and none of it matters.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "explain.h"

#define REST_SHARE 0.2 /* of the run */
#define SAME_TIME 0.02 /* of the run: so near to its end, a snapshot is the last state itself */
#define REST_LEAST 5e8 /* ns; a shorter rest is not worth a finding */
#define LASTING 0.1    /* of the run: a program frees its blocks at its end in less */
#define LONG 1e10      /* ns; no program takes that long to free its blocks at its end */
#define EARLIER 2      /* if the free memory was more than twice that of the end, on average, the earlier state matters more */
#define CLASSES_TOLD 3
#define THREADS_TOLD 8
#define DELAY_PART 10 /* the proposed delay is this part of the present one */

/* ---- The state. ---- */

struct held {
  struct stats_idlest at; /* `idle`: resident bytes that are in no live block */
  struct stats_pins pins[CLASS_COUNT];
  const struct stats_threads *threads;
  bool is_last; /* its end, or now, if it is alive */
  double rest;  /* nanoseconds with few calls, or none, before the last state */
  double cost;  /* of all places together */
};

static uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

static struct held last_state(const struct model_process *p) {
  struct held h = {.is_last = true, .threads = &p->threads};
  const uint64_t touched = model_touched(p);
  h.at = (struct stats_idlest){.time_ns = p->elapsed_ns, .allocated = p->buckets.live, .committed = p->committed, .rss = p->rss, .buckets = p->buckets};
  h.at.idle = above(touched < p->rss ? touched : p->rss, p->buckets.live + p->buckets.guarded + p->buckets.metadata);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    const struct model_gauges *const g = &p->counts->cls[cls].gauge;
    const uint64_t stride = class_stride(cls);
    h.at.gauge[cls] = (struct stats_class_gauges){
      .active = g->active, .slabs = g->slabs, .live = g->allocated / stride, .cached_tls = g->cached / stride, .partial = g->partial / stride};
    h.pins[cls] = p->counts->cls[cls].pins;
  }
  return h;
}

static struct held idlest_state(const struct model_process *p) {
  struct held h = {.at = p->idlest, .threads = &p->idlest_threads};
  h.at.idle = above(h.at.idle, h.at.buckets.metadata + h.at.buckets.guarded);
  memcpy(h.pins, p->idlest_pins, sizeof(h.pins));
  return h;
}

/* What was seen at a time: *before is the last time before the rest. False if it is in the rest. */
static bool is_before_rest(const struct model_process *p, uint64_t time_ns, double *before) {
  const double at = (double)time_ns, end = (double)p->elapsed_ns;
  if (at < end * (1 - REST_SHARE)) *before = at > *before ? at : *before;
  else if (at < end * (1 - SAME_TIME)) return false;
  return true;
}

/*
 * Nanoseconds without a snapshot and without one of the longest calls before the last state, if they are a large part of the run; else 0. A process that
 * rests takes no snapshot, because it makes no call; one that makes a few calls for huge blocks takes none, either.
 */
static double rest_of(const struct model_process *p) {
  double before = 0;
  for (size_t i = 0; i < p->timeline_length; i++) {
    if (!is_before_rest(p, p->timeline[i].time_ns, &before)) return 0;
  }
  for (size_t i = 0; i < p->call_count; i++) {
    if (!is_before_rest(p, p->calls[i].time_ns, &before)) return 0;
  }
  return (double)p->elapsed_ns - before;
}

/* Bytes that were resident at a snapshot, but neither in a live block nor in the allocator's tables. False if they are unknown. */
static bool idle_of(const struct model_process *p, const struct stats_moment *m, uint64_t *idle) {
  if (m->committed == UNKNOWN || m->rss == UNKNOWN) return false;
  *idle = above(m->committed < m->rss ? m->committed : m->rss, m->allocated + p->idlest.buckets.metadata);
  return true;
}

/* Nanoseconds before the end in which at least half as much was free as at the end, without an interruption. */
static double lasted_of(const struct model_process *p, double rest, uint64_t idle_at_end) {
  double lasted = rest;
  uint64_t idle;
  for (size_t i = p->timeline_length; i-- > 0 && idle_of(p, &p->timeline[i], &idle) && idle * 2 >= idle_at_end;) {
    const double before = (double)above(p->elapsed_ns, p->timeline[i].time_ns);
    if (before > lasted) lasted = before;
  }
  return lasted;
}

/*
 * Bytes that were resident but neither in a live block nor in the allocator's tables, on average over the run. Below 0 if the data do not tell. A
 * snapshot stands for the time until the next one. So the last one, when a program has freed its blocks, has no weight, unless the process rested
 * before it. Then the moment in that time at which the memory became free is unknown, and both ends of the time have the same weight.
 */
static double mean_idle(const struct model_process *p, double rest, uint64_t idle_at_end) {
  double sum = rest * (double)idle_at_end / 2, time = rest / 2;
  for (size_t i = 1; i < p->timeline_length; i++) {
    const struct stats_moment *const m = &p->timeline[i - 1];
    uint64_t idle;
    if (!idle_of(p, m, &idle) || m[1].time_ns < m->time_ns) continue;
    double span = (double)(m[1].time_ns - m->time_ns);
    if (rest > 0 && (double)m[1].time_ns >= (double)p->elapsed_ns * (1 - SAME_TIME)) span = rest / 2;
    sum += span * (double)idle;
    time += span;
  }
  const bool known = p->timeline_length >= (size_t)threshold.moments || rest >= REST_LEAST;
  return known && time > 0 ? sum / time : -1;
}

/* Whether the last state is one in which the process was, and not what it left behind when it freed its blocks in order to end. */
static bool is_lasting(const struct model_process *p, double lasted) {
  if (p->state == PROCESS_CUT_SHORT) return true;
  return lasted >= REST_LEAST && (lasted >= LASTING * (double)p->elapsed_ns || lasted >= LONG);
}

/* The state in which memory is or was held. False if the data do not tell. */
static bool held_of(const struct model_process *p, struct held *h) {
  if (!p->has_buckets) return false;
  const struct held last = last_state(p), most = idlest_state(p);
  const double rest = rest_of(p), mean = mean_idle(p, rest, last.at.idle), at_end = (double)last.at.idle;
  *h = last;
  h->cost = at_end;
  h->rest = rest;
  if (model_is_alive(p) || p->state == PROCESS_COPIED || (is_lasting(p, lasted_of(p, rest, last.at.idle)) && mean <= EARLIER * at_end)) return true;
  if (mean < 0) return false;
  *h = most;
  h->cost = mean;
  return h->at.time_ns > 0;
}

/* ---- What all of these findings share. ---- */

static const char *when_of(const struct model_process *p, const struct held *h) {
  return !h->is_last ? "at the snapshot with most free memory, its end not counted" : model_last_moment(p);
}

static double whole_of(const struct held *h) { return (double)(h->at.allocated + h->at.idle); }

static uint64_t all_places(const struct held *h) {
  const struct stats_buckets *const b = &h->at.buckets;
  return b->cached_tls + b->cached_pool + b->partial + b->empty + b->huge_cache;
}

/* What is free was perhaps never touched, so a place counts with its share of what is resident. */
static double share_of(const struct held *h, uint64_t bytes, double resident) {
  const double all = (double)all_places(h);
  return all > resident ? (double)bytes * resident / all : (double)bytes;
}

/* The bytes of a place that a change could save: over the run, and in the state. */
static double cost_of(const struct held *h, uint64_t bytes) { return share_of(h, bytes, h->cost); }
static uint64_t resident_of(const struct held *h, uint64_t bytes) { return whole_number(share_of(h, bytes, (double)h->at.idle)); }

static bool is_much(const struct model_process *p, const struct held *h, uint64_t bytes) {
  const double cost = cost_of(h, bytes);
  return (double)h->at.idle >= threshold.external_share * whole_of(h) && explain_is_much(cost, explain_whole_memory(p));
}

static struct finding *tell(struct diagnosis *d, const char *rule, const struct model_process *p, const struct held *h, const char *name, uint64_t bytes) {
  char a[FORMAT_SIZE], b[FORMAT_SIZE], at[FORMAT_SIZE], share[FORMAT_SIZE];
  struct finding *const f = finding_add(d, rule, FINDING_COST, p);
  finding_cost(f, COST_BYTES, cost_of(h, bytes), explain_whole_memory(p));
  f->cost_is_mean = !h->is_last;
  finding_evidence(f, "%s, after %s: %s of the allocator's %s of resident memory %s in no live block (%s)", when_of(p, h), format_ns(at, (double)h->at.time_ns),
                   format_bytes(a, h->at.idle), format_bytes(b, whole_number(whole_of(h))), h->is_last && model_is_alive(p) ? "are" : "were",
                   format_percent(share, (double)h->at.idle, whole_of(h)));
  const uint64_t absent = above(all_places(h), h->at.idle);
  if (absent == 0) finding_evidence(f, "of that, %s %s", format_bytes(a, bytes), name);
  else finding_evidence(f, "%s %s; of all free memory, at least %s were not resident", format_bytes(a, bytes), name, format_bytes(b, absent));
  if (!h->is_last) finding_evidence(f, "over the run, %s on average were in no live block", format_bytes(a, whole_number(h->cost)));
  finding_figure(f, "idle", (double)h->at.idle);
  finding_figure(f, "bytes", (double)bytes);
  return f;
}

static const char *is_or_was(const struct model_process *p) { return model_is_alive(p) ? "are" : "were"; }

/* No thread of a process that rests enters the slow path, and there is no background thread. */
static void tell_rest(struct finding *f, const struct model_process *p, const struct held *h) {
  char time[FORMAT_SIZE];
  if (!h->is_last || h->rest < REST_LEAST) return;
  finding_evidence(f, "for %s, the process made few calls or none: hakmem has no background thread, so memory is returned by threads that allocate and free",
                   format_ns(time, h->rest));
  if (p->has_settings) finding_evidence(f, "HAKMEM_RELEASE_DELAY is %" PRIu64 " ms", p->release_delay);
}

/* A process that rests answers hakmem trim when it goes on, and then it returns its memory anyway. */
static void advise_trim(struct finding *f, const struct model_process *p, const struct held *h, uint64_t bytes) {
  char size[FORMAT_SIZE];
  if (model_is_alive(p) && h->rest < REST_LEAST) finding_change(f, "hakmem trim %" PRIu32, p->pid);
  else if (model_is_alive(p))
    finding_change(f, "Call malloc_trim(0) in the program before it rests; or start it with HAKMEM_STATS_SIGNAL=USR2, then `hakmem trim --signal PID` works.");
  else finding_change(f, "Call malloc_trim(0) after the program has freed much memory, before it rests.");
  finding_effect(f, "lists, batches, empty slabs and kept mappings are returned to the kernel at once: up to %s less",
                 format_bytes(size, resident_of(h, bytes)));
}

static void advise_delay(struct finding *f, const struct model_process *p, const char *effect) {
  if (!p->has_settings || p->release_delay == 0) return;
  finding_option(f, "HAKMEM_RELEASE_DELAY", "%" PRIu64, p->release_delay / DELAY_PART);
  finding_effect(f, "%s", effect);
}

/* Calls `tell_of` for each process whose state is known. */
typedef void tell_of(struct diagnosis *d, const struct model_process *p, const struct held *h);
static const char *each_held(struct diagnosis *d, tell_of *tell_place) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    struct held h;
    if (!held_of(d->r->processes[i], &h)) continue;
    any = true;
    tell_place(d, d->r->processes[i], &h);
  }
  return any ? NULL : d->r->source == SOURCE_TRACE ? EXPLAIN_NO_BUCKETS : explain_too_short(d);
}

/* ---- Partial slabs. ---- */

static uint64_t partial_of(const struct held *h, uint32_t cls) { return h->at.gauge[cls].partial * class_stride(cls); }

static void tell_classes(struct finding *f, const struct held *h) {
  bool told[CLASS_COUNT] = {false};
  for (unsigned n = 0; n < CLASSES_TOLD; n++) {
    uint32_t most = CLASS_COUNT;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
      if (!told[cls] && partial_of(h, cls) > 0 && (most == CLASS_COUNT || partial_of(h, cls) > partial_of(h, most))) most = cls;
    }
    if (most == CLASS_COUNT || (n > 0 && partial_of(h, most) * 10 < h->at.buckets.partial)) return;
    told[most] = true;
    const struct stats_class_gauges *const g = &h->at.gauge[most];
    char class[EXPLAIN_CLASS], a[FORMAT_SIZE], b[FORMAT_SIZE];
    finding_evidence(f, "%s: %" PRIu64 " slabs, %s, with %" PRIu64 " live blocks and %s free", explain_class(class, most), g->slabs, format_bytes(a, g->active),
                     g->live, format_bytes(b, partial_of(h, most)));
    if (n == 0) finding_figure(f, "partial_class", most);
  }
}

static void tell_pinned_slabs(struct finding *f, const struct held *h) {
  struct stats_pins all = {0};
  char bytes[FORMAT_SIZE], mean[FORMAT_SIZE], longest[FORMAT_SIZE];
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    all.slabs += h->pins[cls].slabs;
    all.free += h->pins[cls].free;
    all.idle_ms += h->pins[cls].idle_ms;
    if (h->pins[cls].longest_ms > all.longest_ms) all.longest_ms = h->pins[cls].longest_ms;
  }
  if (all.slabs == 0) return;
  const double mean_ms = (double)all.idle_ms / (double)all.slabs;
  finding_evidence(
    f, "%" PRIu64 " of these slabs, with %s free, are held by at most %d %% of their blocks; no block was taken from them for %s on average, %s at most",
    all.slabs, format_bytes(bytes, all.free), STATS_PINNED, format_ns(mean, mean_ms * 1e6), format_ns(longest, (double)all.longest_ms * 1e6));
  finding_figure(f, "pinned_slabs", (double)all.slabs);
  finding_figure(f, "pinned_ms", mean_ms);
}

static void tell_partial(struct diagnosis *d, const struct model_process *p, const struct held *h) {
  const uint64_t bytes = h->at.buckets.partial;
  char size[FORMAT_SIZE];
  uint64_t slabs = 0, live = 0, listed = 0, pinned = 0;
  uint32_t classes = 0;
  if (!is_much(p, h, bytes)) return;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    if (h->at.gauge[cls].partial == 0) continue;
    classes++;
    slabs += h->at.gauge[cls].slabs;
    live += h->at.gauge[cls].live;
    listed += h->at.gauge[cls].cached_tls + h->at.gauge[cls].cached_pool;
    pinned += h->pins[cls].free;
  }
  /* Blocks in lists hold most of the slabs: see thread_lists. Blocks that were freed one after the other may be many and lie in a few slabs. */
  if (listed > live && pinned * 2 < bytes) return;
  struct finding *const f = tell(d, "partial_slabs", p, h, "free in partial slabs", bytes);
  finding_what(f, "%s %s free in partial slabs %s: %" PRIu64 " live blocks keep %" PRIu64 " slabs of %" PRIu32 " class%s from being empty.",
               format_bytes(size, bytes), is_or_was(p), when_of(p, h), live, slabs, classes, classes == 1 ? "" : "es");
  tell_classes(f, h);
  tell_pinned_slabs(f, h);
  const char *const names = "names the call sites whose blocks hold the slabs";
  const bool named = explain_pins(f, d, p, h->is_last, bytes);
  finding_change(f, "Few live blocks hold many slabs: free them, or allocate long-lived objects apart from short-lived ones (at the start, or in a "
                    "pool of their own), so that slabs become empty.");
  finding_effect(f, "empty slabs serve any class, and are returned to the kernel; up to %s less", format_bytes(size, resident_of(h, bytes)));
  if (!named) explain_advise_profile(f, d, p, names);
  if (!named && h->is_last) explain_advise_dump(f, p, names);
}

const char *rule_partial_slabs(struct diagnosis *d) { return each_held(d, tell_partial); }

/* ---- Empty slabs, and huge mappings that are kept. ---- */

/*
 * What returns wholly free memory. `delay`: what a shorter HAKMEM_RELEASE_DELAY does. None is advised to a process that rests: memory is returned by calls,
 * and it makes none.
 */
static void advise_return(struct finding *f, const struct model_process *p, const struct held *h, uint64_t bytes, const char *delay) {
  tell_rest(f, p, h);
  const bool rests = h->is_last && h->rest >= REST_LEAST, trim_first = rests || (h->is_last && model_is_alive(p));
  if (trim_first) advise_trim(f, p, h, bytes);
  if (!rests) advise_delay(f, p, delay);
  if (!trim_first) advise_trim(f, p, h, bytes);
}

static void tell_empty(struct diagnosis *d, const struct model_process *p, const struct held *h) {
  const uint64_t bytes = h->at.buckets.empty;
  char size[FORMAT_SIZE];
  if (!is_much(p, h, bytes)) return;
  struct finding *const f = tell(d, "empty_slabs", p, h, "in empty slabs and SuperSlabs, kept for reuse", bytes);
  finding_what(f, "%s %s in empty slabs and SuperSlabs %s.", format_bytes(size, bytes), is_or_was(p), when_of(p, h));
  advise_return(f, p, h, bytes,
                "empty SuperSlabs are returned to the kernel, and free units are purged, this many milliseconds after their last use, by a thread that "
                "allocates or frees; memory that is needed again costs page faults");
}

const char *rule_empty_slabs(struct diagnosis *d) { return each_held(d, tell_empty); }

static void tell_kept(struct diagnosis *d, const struct model_process *p, const struct held *h) {
  const uint64_t bytes = h->at.buckets.huge_cache;
  char size[FORMAT_SIZE];
  if (!is_much(p, h, bytes)) return;
  struct finding *const f = tell(d, "kept_huge", p, h, "in mappings of freed huge blocks, kept for reuse", bytes);
  finding_what(f, "%s %s kept in mappings of freed huge blocks %s.", format_bytes(size, bytes), is_or_was(p), when_of(p, h));
  advise_return(f, p, h, bytes, "a freed mapping is returned to the kernel after a quarter of this delay, by a thread that allocates or frees");
}

const char *rule_kept_huge(struct diagnosis *d) { return each_held(d, tell_kept); }

/* ---- Lists. ---- */

static void tell_threads(struct finding *f, const struct stats_threads *threads) {
  for (unsigned i = 0; i < THREADS_TOLD && i < STATS_THREADS && threads->row[i].bytes > 0; i++) {
    const struct stats_thread *const t = &threads->row[i];
    char bytes[FORMAT_SIZE], idle[FORMAT_SIZE], *const name = escape(t->name);
    if (t->tid == 0) finding_evidence(f, "%s in lists whose thread has ended, and that wait for the next thread", format_bytes(bytes, t->bytes));
    else
      finding_evidence(f, "%s in lists of thread %" PRIu32 "%s%s%s, which was last in its slow path %s before", format_bytes(bytes, t->bytes), t->tid,
                       *name != '\0' ? " (" : "", name, *name != '\0' ? ")" : "", format_ns(idle, (double)t->idle_ms * 1e6));
    free(name);
  }
  finding_figure(f, "threads", threads->count);
  finding_figure(f, "most_of_a_thread", (double)threads->row[0].bytes);
}

static void tell_lists(struct diagnosis *d, const struct model_process *p, const struct held *h) {
  const uint64_t lists = h->at.buckets.cached_tls, batches = h->at.buckets.cached_pool, bytes = lists + batches;
  char size[FORMAT_SIZE];
  if (!is_much(p, h, bytes)) return;
  struct finding *const f = tell(d, "thread_lists", p, h, "free in lists of threads and in batches of the shared pool", bytes);
  finding_what(f, "%s %s free in lists of %" PRIu32 " thread%s and in batches %s.", format_bytes(size, bytes), is_or_was(p), h->threads->count,
               h->threads->count == 1 ? "" : "s", when_of(p, h));
  tell_threads(f, h->threads);
  if (batches > 0) finding_evidence(f, "%s in batches, which one thread drained and another may take", format_bytes(size, batches));
  tell_rest(f, p, h);
  advise_trim(f, p, h, bytes);
  if (!h->is_last) advise_delay(f, p, "lists of a thread that rests for this many milliseconds are emptied, by another thread that allocates or frees");
}

const char *rule_thread_lists(struct diagnosis *d) { return each_held(d, tell_lists); }
