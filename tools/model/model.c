#include "model.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/format.h"
#include "common/memory.h"

struct report *model_create(enum source source, const char *path) {
  struct report *const r = must_allocate(sizeof(*r));
  r->source = source;
  r->path = must_copy(path);
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) r->stride[cls] = class_stride(cls);
  return r;
}

void model_destroy_process(struct model_process *p) {
  for (size_t i = 0; i < p->stack_count; i++) free(p->stacks[i].frames);
  for (size_t i = 0; i < p->module_count; i++) {
    free(p->modules[i].path);
    free(p->modules[i].build_id);
  }
  free(p->program);
  free(p->version);
  free(p->host_name);
  free(p->merge);
  free(p->build_id);
  free(p->counts);
  free(p->timeline);
  free(p->heat);
  free(p->stacks);
  free(p->modules);
  free(p->incidents);
  free(p->leaks);
  free(p->allocations);
  free(p->spans);
  free(p->calls);
  for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) free(p->profiles[moment]);
  for (size_t i = 0; i < p->map_count; i++) free(p->maps[i]);
  free(p);
}

void model_destroy(struct report *r) {
  if (r == NULL) return;
  for (size_t i = 0; i < r->process_count; i++) model_destroy_process(r->processes[i]);
  for (size_t i = 0; i < r->host_count; i++) {
    free(r->hosts[i]->name);
    free(r->hosts[i]->clock);
    free(r->hosts[i]);
  }
  free(r->hosts);
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    for (unsigned s = 0; s < lookup_strategy_count; s++) free(r->latency.lookup[s][cls]);
    free(r->latency.drain[cls]);
    free(r->latency.refill[cls]);
  }
  for (unsigned stage = 0; stage < STAGE_COUNT; stage++) free(r->latency.stage[stage]);
  free(r->latency.legacy);
  free(r->latency.map);
  calls_free(&r->calls);
  free(r->processes);
  free(r->total);
  free(r->path);
  free(r);
}

struct model_process *model_add_process(struct report *r) {
  r->processes = must_grow(r->processes, r->process_count, &r->process_capacity, sizeof(*r->processes));
  struct model_process *const p = must_allocate(sizeof(*p));
  p->program = must_copy("");
  p->version = must_copy("");
  p->host_name = must_copy("");
  p->build_id = must_copy("");
  p->counts = must_allocate(sizeof(*p->counts));
  p->rss_max = UNKNOWN;
  p->exit_code = p->end_signal = -1;
  r->processes[r->process_count++] = p;
  return p;
}

void model_add_moment(struct model_process *p, const struct stats_moment *moment) {
  p->timeline = must_grow(p->timeline, p->timeline_length, &p->timeline_capacity, sizeof(*p->timeline));
  p->timeline[p->timeline_length++] = *moment;
}

static bool redacts;

void model_redact(void) { redacts = true; }
bool model_redacts(void) { return redacts; }

static void redact(struct stats_incident *incident) {
  if (!redacts || incident->kind != INCIDENT_HDR_RESET) return;
  incident->hdr_reset.got = incident->hdr_reset.expect;
  incident->hdr_reset.word = 0;
}

void model_add_incident(struct model_process *p, const struct stats_incident *incident) {
  for (size_t i = 0; i < p->incident_count; i++) {
    struct stats_incident *const old = &p->incidents[i];
    if (!stats_incident_is_same(old, incident)) continue;
    old->count += incident->count;
    if (old->kind == INCIDENT_SHARED_FAIL && old->shared_fail.units < incident->shared_fail.units) old->shared_fail.units = incident->shared_fail.units;
    return;
  }
  p->incidents = must_grow(p->incidents, p->incident_count, &p->incident_capacity, sizeof(*p->incidents));
  p->incidents[p->incident_count] = *incident;
  redact(&p->incidents[p->incident_count++]);
}

static int by_duration(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void drop_short_spans(struct model_process *p) {
  uint64_t *const durations = must_allocate(p->span_count * sizeof(*durations));
  for (size_t i = 0; i < p->span_count; i++) durations[i] = p->spans[i].duration_ns;
  qsort(durations, p->span_count, sizeof(*durations), by_duration);
  p->span_floor = durations[p->span_count / 2];
  free(durations);
  size_t kept = 0;
  for (size_t i = 0; i < p->span_count; i++) {
    if (p->spans[i].duration_ns > p->span_floor) p->spans[kept++] = p->spans[i];
  }
  p->spans_dropped += p->span_count - kept;
  p->span_count = kept;
}

void model_add_span(struct model_process *p, const struct model_span *span) {
  if (p->span_count == MODEL_SPANS_MAX) drop_short_spans(p);
  if (p->span_floor > 0 && span->duration_ns <= p->span_floor) {
    p->spans_dropped++;
    return;
  }
  p->spans = must_grow(p->spans, p->span_count, &p->span_capacity, sizeof(*p->spans));
  p->spans[p->span_count++] = *span;
}

void model_add_leak(struct model_process *p, const struct stats_leak *leak) {
  p->leaks_checked = true;
  p->leaks = must_grow(p->leaks, p->leak_count, &p->leak_capacity, sizeof(*p->leaks));
  p->leaks[p->leak_count++] = *leak;
}

const struct model_stack *model_find_stack(const struct model_process *p, uint32_t id) {
  for (size_t i = 0; i < p->stack_count; i++) {
    if (p->stacks[i].id == id) return &p->stacks[i];
  }
  return NULL;
}

struct model_host *model_host_of(struct report *r, const char *name, const char *clock) {
  for (size_t i = 0; i < r->host_count; i++) {
    if (strcmp(r->hosts[i]->name, name) == 0 && strcmp(r->hosts[i]->clock, clock) == 0) return r->hosts[i];
  }
  r->hosts = must_grow(r->hosts, r->host_count, &r->host_capacity, sizeof(struct model_host *));
  struct model_host *const host = must_allocate(sizeof(*host));
  *host = (struct model_host){.name = must_copy(name), .clock = must_copy(clock)};
  return r->hosts[r->host_count++] = host;
}

int model_compare_hosts(const struct model_host *a, const struct model_host *b) {
  if (a == NULL || b == NULL) return (b == NULL) - (a == NULL);
  const int by_name = strcmp(a->name, b->name);
  return by_name != 0 ? by_name : strcmp(a->clock, b->clock);
}

const char *model_host_name(const struct report *r, const struct model_host *host, char *buffer) {
  size_t before = 0;
  for (size_t i = 0; i < r->host_count && host != NULL && r->hosts[i] != host; i++) before += strcmp(r->hosts[i]->name, host->name) == 0;
  const char *const name = host != NULL && *host->name != '\0' ? host->name : "?";
  if (before == 0) snprintf(buffer, MODEL_HOST, "%s", name);
  else snprintf(buffer, MODEL_HOST, "%.100s#%zu", name, before + 1);
  return buffer;
}

const struct model_process *model_find_process(const struct report *r, const struct model_host *host, uint32_t pid) {
  for (size_t i = 0; r != NULL && i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (p->pid == pid && (host == NULL || p->host == NULL || model_compare_hosts(p->host, host) == 0)) return p;
  }
  return NULL;
}

const struct model_stack *model_stack_of(const struct report *r, const struct report *other, const struct model_process *p, uint32_t id,
                                         const struct model_process **owner) {
  const struct model_process *const twin = model_find_process(other, p->host, p->pid);
  const struct model_stack *stack = model_find_stack(p, id);
  *owner = p;
  if (stack != NULL && (p->module_count > 0 || twin == NULL)) return stack;
  if (twin != NULL && model_find_stack(twin, id) != NULL) {
    *owner = twin;
    return model_find_stack(twin, id);
  }
  /* An id comes from the frames. Another process of the same program that has this id is of the same family. */
  for (size_t i = 0; stack == NULL && i < r->process_count; i++) {
    if (r->processes[i]->host != p->host || strcmp(r->processes[i]->program, p->program) != 0) continue;
    stack = model_find_stack(r->processes[i], id);
    if (stack != NULL) *owner = r->processes[i];
  }
  return stack;
}

#define GENERATIONS_MAX 100 /* process ids are reused, so a family could seem to be a circle */

const struct model_module *model_find_module(const struct report *r, const struct model_process *p, uint64_t address, uint32_t epoch) {
  for (int generation = 0; p != NULL && generation < GENERATIONS_MAX; generation++) {
    for (size_t i = p->module_count; i-- > 0;) {
      const struct model_module *const module = &p->modules[i];
      if (module->epoch <= epoch && address - module->base < module->size) return module;
    }
    p = p->forked ? model_find_process(r, p->host, p->parent_pid) : NULL;
  }
  return NULL;
}

void model_add_stack(struct model_process *p, const struct model_stack *stack) {
  if (stack->id == 0 || model_find_stack(p, stack->id) != NULL) return;
  p->stacks = must_grow(p->stacks, p->stack_count, &p->stack_capacity, sizeof(*p->stacks));
  uint64_t *const copy = must_allocate(stack->frame_count * sizeof(*copy));
  if (stack->frame_count > 0) memcpy(copy, stack->frames, stack->frame_count * sizeof(*copy));
  p->stacks[p->stack_count] = *stack;
  p->stacks[p->stack_count++].frames = copy;
}

void model_add_module(struct model_process *p, const struct model_module *module) {
  for (size_t i = 0; i < p->module_count; i++) {
    const struct model_module *const old = &p->modules[i];
    if (old->base == module->base && old->epoch == module->epoch && strcmp(old->path, module->path) == 0) return; /* told again */
  }
  p->modules = must_grow(p->modules, p->module_count, &p->module_capacity, sizeof(*p->modules));
  struct model_module *const new = &p->modules[p->module_count++];
  *new = *module;
  new->path = must_copy(module->path);
  new->build_id = must_copy(module->build_id);
}

struct histogram *model_histogram(struct histogram **place) {
  if (*place == NULL) *place = must_allocate(sizeof(**place));
  return *place;
}

/* Structures of only uint64_t are added member by member. */
static void add_words(void *into, const void *from, size_t size) {
  uint64_t *const a = into;
  const uint64_t *const b = from;
  for (size_t i = 0; i < size / sizeof(uint64_t); i++) a[i] += b[i];
}

void model_finish(struct report *r) {
  static_assert(sizeof(struct model_counts) % sizeof(uint64_t) == 0, "counts are words");
  free(r->total);
  r->total = must_allocate(sizeof(*r->total));
  for (size_t i = 0; i < r->process_count; i++) add_words(r->total, r->processes[i]->counts, sizeof(*r->total));
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) { /* the only figure that is not a sum */
    uint64_t *const longest = &r->total->cls[cls].pins.longest_ms;
    *longest = 0;
    for (size_t i = 0; i < r->process_count; i++) {
      const uint64_t one = r->processes[i]->counts->cls[cls].pins.longest_ms;
      if (one > *longest) *longest = one;
    }
  }
}

static uint64_t weight(const struct model_process *p) {
  if (p->rss_max != UNKNOWN) return p->rss_max;
  uint64_t most = 0;
  for (size_t i = 0; i < p->timeline_length; i++) {
    if (p->timeline[i].active != UNKNOWN && p->timeline[i].active > most) most = p->timeline[i].active;
  }
  return most;
}

const struct model_process *model_largest_process(const struct report *r) {
  const struct model_process *largest = NULL;
  for (size_t i = 0; i < r->process_count; i++) {
    if (largest == NULL || weight(r->processes[i]) > weight(largest)) largest = r->processes[i];
  }
  return largest;
}

struct model_estimate model_share(uint64_t part, uint64_t whole) {
  const double n = (double)whole, p = ((double)part + 1) / (n + 2);
  return whole > 0 ? (struct model_estimate){(double)part / n, p < 1 ? sqrt(p * (1 - p) / n) : 0} : (struct model_estimate){0, 0};
}

uint64_t model_lookups(const struct stats_counters *c) { return c->lookup_hit + c->lookup_legacy + c->lookup_foreign; }

struct model_estimate model_probes(const struct stats_counters *c) {
  const double n = (double)model_lookups(c), mean = n > 0 ? (double)c->lookup_probes / n : 0;
  const double spread = n > 1 ? ((double)c->lookup_probe_squares - n * mean * mean) / (n - 1) : mean * mean;
  return (struct model_estimate){mean, spread > 0 ? sqrt(spread / n) : 0};
}

struct histogram *model_merged(struct histogram *const table[CLASS_ROWS]) {
  struct histogram *merged = NULL;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    if (table[cls] != NULL && table[cls]->count > 0) histogram_merge(model_histogram(&merged), table[cls]);
  }
  return merged;
}

uint64_t model_merge_count(const struct model_merge *merge) { return merge->processes - merge->state[PROCESS_EXEC]; }

size_t model_process_count(const struct report *r) {
  size_t count = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (p->merge != NULL) count += model_merge_count(p->merge);
    else count += !p->has_called_exec;
  }
  return count;
}

bool model_has_merge(const struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) {
    if (r->processes[i]->merge != NULL) return true;
  }
  return false;
}

const char *model_merge_text(const struct model_merge *merge, char *buffer) {
  const uint64_t processes = model_merge_count(merge);
  snprintf(buffer, MODEL_MERGE, "%" PRIu64 " run%s of %s%" PRIu64 " host%s: %" PRIu64 " process%s", merge->runs, merge->runs == 1 ? "" : "s",
           merge->hosts_are_more ? "more than " : "", merge->hosts, merge->hosts == 1 ? "" : "s", processes, processes == 1 ? "" : "es");
  return buffer;
}

uint64_t model_touched(const struct model_process *p) { return p->committed > p->untouched ? p->committed - p->untouched : 0; }

bool model_is_alive(const struct model_process *p) { return p->state == PROCESS_RUNS || p->state == PROCESS_STOPPED; }

const char *model_state(const struct model_process *p, char *buffer) {
#define PROCESS_STATE_NAME(constant, name) name,
  static const char *const names[] = {PROCESS_STATES(PROCESS_STATE_NAME)};
  const char *const signal = p->end_signal > 0 ? sigabbrev_np(p->end_signal) : NULL;
  if (p->merge != NULL) snprintf(buffer, MODEL_STATE, "merged");
  else if (signal != NULL) snprintf(buffer, MODEL_STATE, "killed by SIG%s", signal);
  else if (p->end_signal > 0) snprintf(buffer, MODEL_STATE, "killed by signal %d", p->end_signal);
  else if (p->exit_code > 0) snprintf(buffer, MODEL_STATE, "exit code %d", p->exit_code);
  else snprintf(buffer, MODEL_STATE, "%s", names[p->state]);
  return buffer;
}

const char *model_as_of(const struct model_process *p, char *buffer) {
  char age[FORMAT_SIZE];
  if (p->is_present) return "as it is now (read from its memory)";
  format_ns(age, (double)p->age_ns);
  if (p->refusal == 0) snprintf(buffer, MODEL_AS_OF, "as of %s ago (its statistics file)", age);
  else snprintf(buffer, MODEL_AS_OF, "as of %s ago (its statistics file; reading its memory: %s)", age, strerrordesc_np(p->refusal));
  return buffer;
}

bool model_is_header(const struct event_hdr_reset *e) { return e->got != e->expect && e->size == 0; }

const char *model_class_name(uint32_t cls, char *buffer) {
  if (cls == CLASS_LARGE) return "large";
  if (cls == CLASS_HUGE) return "huge";
  if (cls >= CLASS_COUNT) return "none";
  snprintf(buffer, MODEL_CLASS_NAME, "%u", cls);
  return buffer;
}

const char *model_side(unsigned verdict) {
  return verdict == HDR_OVERFLOW ? "past the end of the block" : verdict == HDR_UNDERFLOW ? "before the start of the block" : "into the block";
}

const char *model_call_kind(unsigned kind) {
#define CALL_NAME(name, text) #name,
  static const char *const names[] = {CALL_KINDS(CALL_NAME)};
  return names[kind];
}

const char *model_call_stage(unsigned stage) {
  static const char *const names[] = {CALL_STAGES(CALL_NAME)};
  return names[stage];
}

#define NAME_OF(constant, name) name,
#define DEFINE_ENUM_NAME(e) \
  const char *model_##e##_name(uint64_t value) { \
    static const char *const names[] = {ENUM_##e(NAME_OF)}; \
    return value < sizeof(names) / sizeof(names[0]) ? names[value] : "?"; \
  }
HAK_ENUMS(DEFINE_ENUM_NAME)

const char *model_span_name(const struct model_span *s) {
  static const char *const names[] = {MODEL_SPANS(NAME_OF)};
  return names[s->kind];
}

const char *model_span_why(const struct model_span *s) {
  switch (s->kind) {
    case SPAN_REFILL: return model_refill_source_name(s->why);
    case SPAN_DRAIN: return model_drain_reason_name(s->why);
    case SPAN_LEGACY: return model_legacy_reason_name(s->why);
    default: return NULL;
  }
}

uint64_t model_sum_allocs(const struct model_counts *counts) {
  uint64_t sum = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) sum += counts->cls[cls].counters.allocs;
  return sum;
}

uint64_t model_sum_frees(const struct model_counts *counts) {
  uint64_t sum = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) sum += counts->cls[cls].counters.frees;
  return sum;
}
