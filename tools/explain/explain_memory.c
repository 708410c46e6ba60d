/*
 * explain_memory.c: rules about memory that is in use: unused parts of blocks, growth, and what is not the allocator's.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "explain.h"

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
  if (!explain_is_much(cost, whole) || share < threshold.internal_share) return;
  char class[EXPLAIN_CLASS], name[FORMAT_SIZE], bytes[FORMAT_SIZE], smaller[FORMAT_SIZE];
  const double mean = (double)c->request_bytes / (double)c->request_samples;
  struct finding *const f = finding_add(d, "internal_fragmentation", FINDING_COST, p);
  finding_what(f, "Blocks of %s hold requests of %.1f bytes on average: %s of each is unused.", explain_class(class, cls), mean,
               format_percent(name, share, 1));
  finding_cost(f, COST_BYTES, cost, whole);
  finding_evidence(f, "%" PRIu64 " requests sampled in this class, %" PRIu64 " blocks handed out", c->request_samples, c->allocs);
  finding_evidence(f, "at most %s of the live blocks of all classes were unused; this class's part follows from its requests",
                   format_bytes(bytes, whole_number(most_internal(p))));
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

#define LINE_POINTS 4 /* that a line needs to tell something */
#define LEVEL 0.1     /* of the slope of the growth: what is less is none */

/* A straight line through the live bytes from the point `first` on. */
struct trend {
  double per_ns, fit, from, to, off; /* off: the sum of the squares of what the points are off the line */
  size_t points;
};

/*
 * Snapshots of its work: without the last ones, if the process freed most of its blocks from there on, because it was about to end. 0 if it freed them
 * earlier: then it only filled memory for a part of its run.
 */
static size_t points_of(const struct model_process *p) {
  const struct stats_moment *const moments = p->timeline;
  size_t n = p->timeline_length;
  uint64_t most = 0;
  if (n == 0 || model_is_alive(p) || p->state == PROCESS_COPIED) return n;
  uint64_t end = moments[n - 1].allocated;
  if (p->has_buckets && p->buckets.live < end) end = p->buckets.live;
  for (size_t i = 0; i < n; i++) most = moments[i].allocated > most ? moments[i].allocated : most;
  if (end * 2 >= most) return n;
  while (n > 1 && moments[n - 1].allocated < moments[n - 2].allocated) n--;
  const double worked = (double)moments[n - 1].time_ns, ran = (double)p->elapsed_ns;
  return worked >= threshold.growth_run * ran ? n : 0;
}

/* The last of the first `count` snapshots in this share of their time. By time, because a process that rests takes none. */
static size_t point_at(const struct model_process *p, size_t count, double share) {
  size_t i = 0;
  while (i + 1 < count && (double)p->timeline[i + 1].time_ns <= share * (double)p->timeline[count - 1].time_ns) i++;
  return i;
}

static struct trend trend_from(const struct model_process *p, size_t first, size_t count) {
  struct trend t = {0};
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (size_t i = first; i < count; i++) {
    const double x = (double)p->timeline[i].time_ns, y = (double)p->timeline[i].allocated;
    n++, sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
  }
  const double xx = n * sxx - sx * sx, yy = n * syy - sy * sy, xy = n * sxy - sx * sy;
  t.points = (size_t)n;
  if (n < 2 || xx <= 0 || yy <= 0) return t;
  t.off = (yy - xy * xy / xx) / n;
  t.per_ns = xy / xx;
  t.fit = xy * xy / (xx * yy);
  t.from = (double)p->timeline[first].allocated;
  t.to = (double)p->timeline[count - 1].allocated;
  return t;
}

/*
 * Where the growth begins: `first` if one line through all points says as much as two. Else the first point of the second line, if the first one is level
 * beside it.
 */
static size_t start_of(const struct model_process *p, size_t first, size_t count) {
  size_t start = first;
  double least = trend_from(p, first, count).off / 4;
  for (size_t i = first + LINE_POINTS; i + LINE_POINTS <= count; i++) {
    const struct trend before = trend_from(p, first, i), after = trend_from(p, i, count);
    if (before.off + after.off >= least || fabs(before.per_ns) > LEVEL * after.per_ns) continue;
    least = before.off + after.off;
    start = i;
  }
  return start;
}

/* Of all bytes that the run allocated, the share that was freed by the time when `live` were live. */
static double turnover_of(const struct model_process *p, double live) {
  double allocated = 0;
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) allocated += (double)p->counts->cls[cls].counters.allocs * class_stride(cls);
  return allocated > live ? 1 - live / allocated : 0;
}

/* Whether it grows until its end, and does more meanwhile than fill memory that it is going to use. */
static bool grows(const struct model_process *p, const struct trend *t, size_t count) {
  if (t->per_ns <= 0 || t->fit < threshold.growth_fit) return false;
  const struct trend last = trend_from(p, point_at(p, count, 0.75), count);
  if (last.per_ns < threshold.growth_last * t->per_ns) return false;
  return turnover_of(p, t->to) >= threshold.growth_turnover || (double)p->elapsed_ns >= threshold.growth_ns;
}

static void tell_growth(struct diagnosis *d, const struct model_process *p) {
  const size_t count = points_of(p);
  if (count < (size_t)threshold.moments) return;
  const struct trend t = trend_from(p, point_at(p, count, 0.25), count); /* the first quarter may be its start */
  const double grown = t.to - t.from, whole = explain_whole_memory(p);
  if (!grows(p, &t, count) || !explain_is_much(grown, whole) || grown < threshold.growth_share * t.to) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE], rate[FORMAT_SIZE], class[EXPLAIN_CLASS];
  uint32_t most = 0;
  for (uint32_t cls = 1; cls < CLASS_ROWS; cls++) {
    if (p->counts->cls[cls].gauge.allocated > p->counts->cls[most].gauge.allocated) most = cls;
  }
  struct finding *const f = finding_add(d, "growth", FINDING_COST, p);
  const size_t first = point_at(p, count, 0.25), start = start_of(p, first, count);
  const struct trend line = trend_from(p, start, count);
  const char *const verb = model_is_alive(p) ? "grows" : "grew";
  format_bytes(rate, whole_number(line.per_ns * 1e9));
  if (start == first) finding_what(f, "Live memory %s all along the run, by %s a second.", verb, rate);
  else finding_what(f, "Live memory %s from %s after the start on, by %s a second.", verb, format_ns(a, (double)p->timeline[start].time_ns), rate);
  finding_cost(f, COST_BYTES, grown, whole);
  finding_evidence(f, "from %s to %s %s, over %zu snapshots (r squared %.2f)", format_bytes(a, whole_number(line.from)), format_bytes(b, whole_number(line.to)),
                   start == first ? "in the last three quarters" : "from then on", line.points, line.fit);
  finding_evidence(f, "of the bytes that it allocated until then, %s were freed: so it does not just fill memory that it goes on to use",
                   format_percent(a, turnover_of(p, t.to), 1));
  if (count == p->timeline_length) /* else it has freed these blocks meanwhile */
    finding_evidence(f, "%s most of it %s in %s: %s", model_last_moment(p), model_is_alive(p) ? "is" : "was", explain_class(class, most),
                     format_bytes(a, p->counts->cls[most].gauge.allocated));
  const bool named = explain_largest_sites(f, d, p);
  finding_figure(f, "bytes_per_second", line.per_ns * 1e9);
  finding_figure(f, "fit", line.fit);
  finding_change(f, named ? "Free these blocks, or bound the cache that keeps them." : "Free the blocks that are kept, or bound the cache that keeps them.");
  finding_effect(f, "live memory stays level; at this rate another GiB is gone in %s", format_ns(a, 1073741824.0 / line.per_ns));
  if (!named) explain_advise_profile(f, d, p, "names the call sites of the live blocks");
}

const char *rule_growth(struct diagnosis *d) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (d->r->processes[i]->timeline_length < (size_t)threshold.moments) continue;
    any = true;
    tell_growth(d, d->r->processes[i]);
  }
  return any ? NULL : explain_too_short(d);
}

/* ---- Memory that is not the allocator's. ---- */

#define MAPPINGS_TOLD 5

static bool is_named(const struct stats_mapping *m, const char *name) { return strcmp(m->name, name) == 0; }

/* What is resident of a mapping and is not the allocator's, whose memory has no name. */
static uint64_t foreign_bytes(const struct stats_mapping *m, double held) {
  const uint64_t own = is_named(m, STATS_MAPPING_ANONYMOUS) ? whole_number(held) : 0;
  return m->resident > own ? m->resident - own : 0;
}

static void tell_mapping(struct finding *f, const struct stats_mapping *m, uint64_t bytes) {
  char size[FORMAT_SIZE], *const name = escape(m->name);
  format_bytes(size, bytes);
  if (is_named(m, STATS_MAPPING_ANONYMOUS)) finding_evidence(f, "%s in mappings without a name: memory that the program or a library maps itself", size);
  else if (is_named(m, STATS_MAPPING_STACKS)) finding_evidence(f, "%s in stacks of threads", size);
  else finding_evidence(f, "%s in %s", size, name);
  free(name);
}

/* Tells the mappings, and returns the largest of them; NULL if they are unknown. */
static const struct stats_mapping *tell_mappings(struct finding *f, const struct model_process *p, double held, uint64_t *most) {
  bool told[STATS_MAPPINGS] = {false};
  const struct stats_mapping *first = NULL;
  *most = 0;
  for (unsigned n = 0; n < MAPPINGS_TOLD; n++) {
    unsigned largest = STATS_MAPPINGS;
    for (unsigned i = 0; i < STATS_MAPPINGS; i++) {
      if (told[i] || p->mappings[i].name[0] == '\0' || foreign_bytes(&p->mappings[i], held) == 0) continue;
      if (largest == STATS_MAPPINGS || foreign_bytes(&p->mappings[i], held) > foreign_bytes(&p->mappings[largest], held)) largest = i;
    }
    if (largest == STATS_MAPPINGS) break;
    told[largest] = true;
    const uint64_t bytes = foreign_bytes(&p->mappings[largest], held);
    tell_mapping(f, &p->mappings[largest], bytes);
    if (first == NULL) first = &p->mappings[largest], *most = bytes;
  }
  return first;
}

static void advise_on_mapping(struct finding *f, const struct model_process *p, const struct stats_mapping *m, uint64_t bytes) {
  char size[FORMAT_SIZE], *const program = escape(format_last_part(p->program));
  format_bytes(size, bytes);
  if (m == NULL) {
    finding_change(f, "While such a process runs, hakmem explain PID names its mappings.");
    finding_effect(f, "says which file, stack or mapping it is");
  } else if (is_named(m, STATS_MAPPING_ANONYMOUS)) {
    finding_change(f, "Unmap this memory when it is no longer needed. strace -f -k -e trace=mmap,munmap %s shows where it is mapped.", program);
  } else if (is_named(m, STATS_MAPPING_STACKS)) {
    finding_change(f, "Use fewer threads, or keep large arrays off their stacks: a stack keeps the most that it ever needed.");
  } else {
    finding_change(f,
                   "Unmap the file when it is no longer needed. The kernel itself takes back its pages when memory runs short, unless they were written to.");
  }
  if (m != NULL) finding_effect(f, "up to %s less; no option of the allocator makes this part smaller", size);
  free(program);
}

/* The file of the program, or a library: its pages are code, shared with other processes, and cost no memory of this one. */
static bool is_code(const struct model_process *p, const struct stats_mapping *m) {
  return strstr(format_last_part(m->name), ".so") != NULL || strcmp(format_last_part(m->name), format_last_part(p->program)) == 0;
}

static double code_bytes(const struct model_process *p) {
  double sum = 0;
  if (p->mappings[0].name[0] == '\0') return (double)p->rss_files;
  for (unsigned i = 0; i < STATS_MAPPINGS; i++) sum += is_code(p, &p->mappings[i]) ? (double)p->mappings[i].resident : 0;
  return sum;
}

static void tell_residual(struct diagnosis *d, const struct model_process *p) {
  const double held = (double)model_touched(p);
  const double residual = (double)p->rss - held;
  const double cost = residual - code_bytes(p);
  if (cost < threshold.residual_bytes || residual < threshold.residual_share * (double)p->rss) return;
  char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "residual", FINDING_COST, p);
  uint64_t most;
  finding_what(f, "%s of the resident memory is not the allocator's.", format_percent(a, residual, (double)p->rss));
  finding_cost(f, COST_BYTES, cost, explain_whole_memory(p));
  finding_evidence(f, "RSS %s = %s of hakmem + %s of everything else", format_bytes(a, p->rss), format_bytes(b, whole_number(held)),
                   format_bytes(c, whole_number(residual)));
  finding_evidence(f, "%s of that are pages of files: code, and data that was never written to", format_bytes(a, p->rss_files));
  const struct stats_mapping *const m = tell_mappings(f, p, held, &most);
  finding_figure(f, "residual_bytes", residual);
  advise_on_mapping(f, p, m, most);
}

const char *rule_residual(struct diagnosis *d) {
  bool any = false;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (!d->r->processes[i]->has_untouched) continue;
    any = true;
    tell_residual(d, d->r->processes[i]);
  }
  return any                            ? NULL
         : d->r->source == SOURCE_TRACE ? EXPLAIN_NO_BUCKETS
                                        : "only a process that ends by exit, or that still runs, tells which memory is untouched";
}
