/*
 * model_find.c: what a model is asked: which process, stack or module is meant, and figures that follow from others.
 */
#include <math.h>
#include <string.h>

#include "model.h"

/* ---- Processes, stacks, modules. ---- */

int model_compare_hosts(const struct model_host *a, const struct model_host *b) {
  if (a == NULL || b == NULL) return (b == NULL) - (a == NULL);
  const int by_name = strcmp(a->name, b->name);
  return by_name != 0 ? by_name : strcmp(a->clock, b->clock);
}

const struct model_stack *model_find_stack(const struct model_process *p, uint32_t id) {
  for (size_t i = 0; i < p->stack_count; i++) {
    if (p->stacks[i].id == id) return &p->stacks[i];
  }
  return NULL;
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

/* ---- Figures. ---- */

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

#define HANDED_ON 1000 /* allocations; of a program with another allocator, hardly any come to hakmem */

const struct model_module *model_own_malloc(const struct model_process *p) {
  if (model_sum_allocs(p->counts) >= HANDED_ON) return NULL;
  for (size_t i = 0; i < p->module_count; i++) {
    if (p->modules[i].serves) return &p->modules[i];
  }
  return NULL;
}

size_t model_own_mallocs(const struct report *r) {
  size_t count = 0;
  for (size_t i = 0; i < r->process_count; i++) count += model_own_malloc(r->processes[i]) != NULL;
  return count;
}

uint64_t model_touched(const struct model_process *p) { return p->committed > p->untouched ? p->committed - p->untouched : 0; }

uint64_t model_others(const struct model_process *p) {
  const uint64_t touched = model_touched(p), rest = p->rss > touched ? p->rss - touched : 0, files = p->rss_files < p->rss ? p->rss_files : p->rss;
  return rest > files ? rest : files;
}

uint64_t model_absent(const struct model_process *p) { return p->committed - (p->rss - model_others(p)); }

uint64_t model_lost(const struct model_losses *l) {
  return l->events_discarded + l->packets_discarded + l->discards_uncounted + l->untraced + l->invalid + l->unread + l->unkept + l->unrecorded;
}

uint64_t model_lost_details(const struct model_losses *l) { return l->stacks_missed + l->modules_missed + l->incidents_missed; }

bool model_is_alive(const struct model_process *p) { return p->state == PROCESS_RUNS || p->state == PROCESS_STOPPED; }

bool model_is_cut(const struct model_process *p) { return p->merge == NULL && (p->state == PROCESS_CUT_SHORT || p->state == PROCESS_EXEC); }

bool model_is_header(const struct event_hdr_reset *e) { return e->got != e->expect && e->size == 0; }

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
