/*
 * explain.c: the diagnosis: runs the rules, merges the same finding of several processes, and ranks the findings.
 */
#include "explain.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

#define THRESHOLD_VALUE(name, value, unit, why) .name = (value),
const struct thresholds threshold = {EXPLAIN_THRESHOLDS(THRESHOLD_VALUE)};

/* ---- Findings. ---- */

struct finding *finding_add(struct diagnosis *d, const char *rule, enum finding_kind kind, const struct model_process *p) {
  d->findings = must_grow(d->findings, d->finding_count, &d->finding_capacity, sizeof(*d->findings));
  struct finding *const f = must_allocate(sizeof(*f));
  *f = (struct finding){.rule = rule, .kind = kind, .p = p};
  return d->findings[d->finding_count++] = f;
}

static char *print_text_of(const char *format, va_list arguments) {
  char *text;
  if (vasprintf(&text, format, arguments) < 0) text = must_copy("");
  return text;
}

#define PRINTED(text, format) \
  do { \
    va_list arguments; \
    va_start(arguments, format); \
    text = print_text_of(format, arguments); \
    va_end(arguments); \
  } while (0)

void finding_what(struct finding *f, const char *format, ...) {
  free(f->what);
  PRINTED(f->what, format);
}

void finding_cost(struct finding *f, enum cost_unit unit, double cost, double whole) {
  f->unit = unit;
  f->cost = cost > 0 ? cost : 0;
  f->whole = whole;
}

void finding_evidence(struct finding *f, const char *format, ...) {
  f->evidence = must_grow(f->evidence, f->evidence_count, &f->evidence_capacity, sizeof(*f->evidence));
  PRINTED(f->evidence[f->evidence_count++], format);
}

void finding_figure(struct finding *f, const char *name, double value) {
  f->figures = must_grow(f->figures, f->figure_count, &f->figure_capacity, sizeof(*f->figures));
  f->figures[f->figure_count++] = (struct figure){name, value};
}

static struct remedy *add_remedy(struct finding *f) {
  f->remedies = must_grow(f->remedies, f->remedy_count, &f->remedy_capacity, sizeof(*f->remedies));
  f->remedies[f->remedy_count] = (struct remedy){0};
  return &f->remedies[f->remedy_count++];
}

void finding_option(struct finding *f, const char *option, const char *value, ...) {
  struct remedy *const r = add_remedy(f);
  r->option = must_copy(option);
  PRINTED(r->value, value);
}

void finding_change(struct finding *f, const char *format, ...) {
  struct remedy *const r = add_remedy(f);
  PRINTED(r->what, format);
}

void finding_effect(struct finding *f, const char *format, ...) {
  struct remedy *const r = &f->remedies[f->remedy_count - 1];
  free(r->effect);
  PRINTED(r->effect, format);
}

static void destroy_finding(struct finding *f) {
  for (size_t i = 0; i < f->evidence_count; i++) free(f->evidence[i]);
  for (size_t i = 0; i < f->remedy_count; i++) {
    free(f->remedies[i].option);
    free(f->remedies[i].value);
    free(f->remedies[i].what);
    free(f->remedies[i].effect);
  }
  free(f->what);
  free(f->evidence);
  free(f->remedies);
  free(f->figures);
  free(f);
}

/* ---- Ranking. ---- */

static double share(const struct finding *f) { return f->whole > 0 ? f->cost / f->whole : 0; }

static int by_rank(const void *a, const void *b) {
  const struct finding *const x = *(struct finding *const *)a, *const y = *(struct finding *const *)b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (share(x) != share(y)) return share(x) > share(y) ? -1 : 1;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  const int rule = strcmp(x->rule, y->rule);
  return rule != 0 ? rule : strcmp(x->what, y->what);
}

/*
 * A finding about memory is reported for the process with the highest cost, a note or missing data for the first process. Errors are all reported: each has
 * a place of its own.
 */
static bool is_told(const struct diagnosis *d, size_t before, const struct finding *f, struct finding **same) {
  if (f->kind == FINDING_ERROR || f->p == NULL) return false;
  for (size_t i = 0; i < before; i++) {
    *same = d->findings[i];
    if ((*same)->p == NULL || (*same)->p == f->p || strcmp((*same)->rule, f->rule) != 0) continue;
    if (f->kind == FINDING_COST || strcmp((*same)->what, f->what) == 0) return true;
  }
  return false;
}

static void rank(struct diagnosis *d) {
  if (d->finding_count > 1) qsort(d->findings, d->finding_count, sizeof(*d->findings), by_rank);
  size_t kept = 0;
  for (size_t i = 0; i < d->finding_count; i++) {
    struct finding *const f = d->findings[i], *same;
    if (is_told(d, kept, f, &same)) {
      same->others++;
      same->others_cost += f->cost;
      destroy_finding(f);
    } else {
      d->findings[kept++] = f;
    }
  }
  d->finding_count = kept;
}

/* ---- The diagnosis. ---- */

struct diagnosis *diagnosis_create(const struct page *page) {
#define RULE_ENTRY(name, meaning) {#name, meaning, rule_##name},
  static const struct {
    const char *name, *meaning;
    const char *(*look)(struct diagnosis *);
  } rules[] = {EXPLAIN_RULES(RULE_ENTRY)};
  static const size_t rule_count = sizeof(rules) / sizeof(rules[0]);
  struct diagnosis *const d = must_allocate(sizeof(*d));
  d->page = page;
  d->r = page->memory;
  d->looks = must_allocate(rule_count * sizeof(*d->looks));
  for (size_t i = 0; i < d->r->process_count; i++) d->time_ns += explain_time(d->r->processes[i]);
  for (; d->look_count < rule_count; d->look_count++) {
    const size_t i = d->look_count;
    d->looks[i] = (struct look){rules[i].name, rules[i].meaning, rules[i].look(d)};
  }
  rank(d);
  return d;
}

void diagnosis_destroy(struct diagnosis *d) {
  for (size_t i = 0; i < d->finding_count; i++) destroy_finding(d->findings[i]);
  free(d->findings);
  free(d->looks);
  free(d->too_few);
  free(d->too_short);
  free(d);
}

/* ---- Helpers of several rules. ---- */

double explain_time(const struct model_process *p) {
  uint64_t last = p->elapsed_ns;
  for (size_t i = 0; i < p->incident_count; i++) {
    if (p->incidents[i].time_ns > last) last = p->incidents[i].time_ns;
  }
  return (double)last;
}

double explain_in_calls(const struct diagnosis *d, double ns) {
  const struct model_calls *const calls = d->page->stats != NULL ? &d->page->stats->calls : NULL;
  if (calls == NULL || calls->elapsed_ns == 0) return ns;
  double error;
  const double all = calls_time(calls, CALL_KIND_COUNT, &error);
  return ns < all ? ns : all;
}

double explain_whole_memory(const struct model_process *p) {
  if (p->merge != NULL) return (double)p->merge->rss_peaks;
  if (p->rss_max != UNKNOWN && p->rss_max > 0) return (double)p->rss_max;
  double most = (double)p->peak_active;
  if (p->has_buckets && (double)p->committed > most) most = (double)p->committed;
  return most;
}

bool explain_is_much(double bytes, double whole) { return bytes >= threshold.memory_bytes && bytes >= threshold.memory_share * whole; }

const char *explain_too_short(struct diagnosis *d) {
  if (d->too_short != NULL) return d->too_short;
  const unsigned needed = (unsigned)threshold.moments;
  size_t most = 0;
  for (size_t i = 0; i < d->r->process_count; i++) {
    if (d->r->processes[i]->timeline_length > most) most = d->r->processes[i]->timeline_length;
  }
  const bool is_merge = most == 0 && model_has_merge(d->r);
  if (is_merge) d->too_few = must_copy("a merge has no snapshots");
  else if (most >= needed) d->too_few = must_copy("no snapshot says what was free");
  else d->too_few = must_print("only %zu snapshot%s%s; %u are needed", most, most == 1 ? "" : "s", d->r->process_count > 1 ? " of a process" : "", needed);
  d->too_short = must_print("%s%s", d->too_few, is_merge ? "" : " (HAKMEM_STATS_INTERVAL sets how often they are taken)");
  return d->too_short;
}

const char *explain_class(char *buffer, uint32_t cls) {
  char size[FORMAT_SIZE];
  if (cls == CLASS_LARGE) return "large blocks";
  if (cls == CLASS_HUGE) return "huge blocks";
  if (cls >= CLASS_COUNT) return "blocks of no class";
  snprintf(buffer, EXPLAIN_CLASS, "class %u (%s)", cls, format_bytes(size, class_stride(cls)));
  return buffer;
}
