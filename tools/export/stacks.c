#include "stacks.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "model/demangle.h"
#include "model/symbolize.h"
#include "report/sites.h"

#define VALUE_NAME(name, unit, what) #name,
#define VALUE_UNIT(name, unit, what) unit,
const char *const export_value_name[VALUE_COUNT] = {EXPORT_VALUES(VALUE_NAME)};
const char *const export_value_unit[VALUE_COUNT] = {EXPORT_VALUES(VALUE_UNIT)};

/* ---- Stacks ---- */

static struct symbolizer *symbolizer_for(struct samples *s, const struct report *r, const struct model_process *p) {
  for (size_t i = 0; i < s->symbols_count; i++) {
    if (s->symbols[i].process == p) return s->symbols[i].symbolizer;
  }
  s->symbols = must_grow(s->symbols, s->symbols_count, &s->symbols_capacity, sizeof(*s->symbols));
  s->symbols[s->symbols_count] = (struct symbols_of){p, symbolizer_create(r, p)};
  return s->symbols[s->symbols_count++].symbolizer;
}

static char *name_of(const struct symbol *symbol, uint64_t address) {
  if (symbol->function != NULL && symbol->function[0] != '\0') return demangle(symbol->function);
  if (symbol->module != NULL) return must_print("%s+0x%llx", format_last_part(symbol->module), (unsigned long long)symbol->offset);
  return must_print("0x%llx", (unsigned long long)address);
}

static void add_frame(struct sample *sample, const struct frame *frame) {
  sample->frames = must_grow(sample->frames, sample->count, &sample->capacity, sizeof(*sample->frames));
  sample->frames[sample->count++] = *frame;
}

static void add_frames(struct sample *sample, const struct report *r, const struct model_process *owner, const struct model_stack *stack,
                       struct symbolizer *symbolizer) {
  for (uint32_t i = 0; i < stack->frame_count; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const uint64_t address = stack->frames[i];
    const size_t count = symbolize(symbolizer, address, stack->epoch, true, symbols);
    for (size_t k = 0; k < count; k++) {
      if (sample->count == 0 && symbol_is_own(&symbols[k])) continue;
      add_frame(sample, &(struct frame){.function = name_of(&symbols[k], address),
                                        .file = symbols[k].file,
                                        .line = symbols[k].line,
                                        .address = address,
                                        .inlined = symbols[k].inlined && k + 1 < count,
                                        .module = model_find_module(r, owner, address, stack->epoch)});
    }
  }
  if (stack->is_cut && sample->count > 0) add_frame(sample, &(struct frame){.function = must_copy("[cut]")});
}

static void name_it(struct sample *sample, const char *what) {
  if (sample->count == 0) add_frame(sample, &(struct frame){.function = must_copy(what)});
}

/* ---- Samples ---- */

static struct sample *add_sample(struct samples *s, const struct model_process *p, uint32_t stack) {
  s->list = must_grow(s->list, s->count, &s->capacity, sizeof(*s->list));
  s->list[s->count] = (struct sample){.process = p, .stack = stack};
  return &s->list[s->count++];
}

/* The stacks of the samples from `first` on, all of process `p`. */
static void find_stacks(struct samples *s, size_t first, const struct report *r, const struct report *other, const struct model_process *p) {
  for (size_t i = first; i < s->count; i++) {
    struct sample *const sample = &s->list[i];
    const struct model_process *owner = NULL;
    const struct model_stack *const stack = sample->stack != 0 ? model_stack_of(r, other, p, sample->stack, &owner) : NULL;
    if (stack != NULL) {
      sandbox_alive(); /* debug information may be large */
      add_frames(sample, r, owner, stack, symbolizer_for(s, r, owner));
      name_it(sample, "(libhakmem)");
    }
    name_it(sample, sample->stack != 0 ? "(stack not in the data)" : "(no stack)");
  }
}

static uint64_t nearest(double estimate) { return whole_number(estimate + 0.5); }

static void set_live(struct sample *sample, const struct stats_site *site) {
  sample->value[VALUE_live_bytes] = nearest(site->allocated);
  sample->value[VALUE_live_blocks] = nearest(site->blocks);
  sample->value[VALUE_pinned_bytes] = nearest(site->pinned);
}

static void add_profile(struct samples *s, const struct stats_profile *profile, const struct model_process *p) {
  size_t count;
  struct site *const sites = sites_of(profile, &count);
  for (size_t i = 0; i < count; i++) set_live(add_sample(s, p, sites[i].stack), &sites[i].f);
  free(sites);
  if (profile->rest_count > 0) {
    struct sample *const rest = add_sample(s, p, 0);
    set_live(rest, &profile->rest);
    name_it(rest, "(other sites)");
  }
  s->has[VALUE_live_bytes] = s->has[VALUE_live_blocks] = s->has[VALUE_pinned_bytes] = true;
}

static void add_leaks(struct samples *s, const struct model_process *p) {
  for (size_t i = 0; i < p->leak_count; i++) {
    struct sample *const sample = add_sample(s, p, p->leaks[i].stack);
    sample->value[VALUE_live_bytes] = p->leaks[i].bytes;
    sample->value[VALUE_live_blocks] = p->leaks[i].blocks;
  }
  s->has[VALUE_live_bytes] = s->has[VALUE_live_blocks] = true;
}

static void add_live(struct samples *s, const struct report *r, const struct report *other, uint32_t pid) {
  for (size_t k = 0; r != NULL && k < r->process_count; k++) {
    const struct model_process *const p = r->processes[k];
    if (pid != 0 && p->pid != pid) continue;
    const size_t first = s->count;
    if (p->profiles[PROFILE_LAST] != NULL) add_profile(s, p->profiles[PROFILE_LAST], p);
    else if (p->leak_count > 0 && p->merge == NULL) add_leaks(s, p);
    find_stacks(s, first, r, other, p);
  }
}

static void add_allocations(struct samples *s, const struct report *r, const struct report *other, uint32_t pid) {
  for (size_t k = 0; r != NULL && k < r->process_count; k++) {
    const struct model_process *const p = r->processes[k];
    if (pid != 0 && p->pid != pid) continue;
    const size_t first = s->count;
    for (size_t i = 0; i < p->allocation_count; i++) {
      struct sample *const sample = add_sample(s, p, p->allocations[i].stack);
      sample->value[VALUE_allocated_blocks] = p->allocations[i].blocks;
      sample->value[VALUE_allocated_bytes] = p->allocations[i].bytes;
    }
    if (s->count > first) s->has[VALUE_allocated_bytes] = s->has[VALUE_allocated_blocks] = true;
    find_stacks(s, first, r, other, p);
  }
}

/* The values that the data have, as a list; NULL if there is none. */
static char *known_values(const struct samples *s) {
  char *list = NULL;
  for (unsigned value = 0; value < VALUE_COUNT; value++) {
    if (!s->has[value]) continue;
    char *const longer = list != NULL ? must_print("%s, %s", list, export_value_name[value]) : must_copy(export_value_name[value]);
    free(list);
    list = longer;
  }
  return list;
}

bool samples_collect(struct samples *s, const struct page *page, enum export_value needed) { return samples_collect_of(s, page, needed, 0); }

bool samples_collect_of(struct samples *s, const struct page *page, enum export_value needed, uint32_t pid) {
  *s = (struct samples){0};
  add_live(s, page->memory, page->memory == page->stats ? page->trace : NULL, pid);
  add_allocations(s, page->trace, page->stats, pid);
  const bool good = needed < VALUE_COUNT ? s->has[needed] : s->count > 0;
  if (good) return true;
  char *const kinds = known_values(s);
  samples_free(s);
  if (kinds != NULL) {
    if (needed < VALUE_COUNT) fail("%s has no %s; it has: %s", page->path, export_value_name[needed], kinds);
    else fail("%s has an empty profile: no sampled block is live in it", page->path);
    free(kinds);
    return false;
  }
  if (needed == VALUE_allocated_bytes || needed == VALUE_allocated_blocks) {
    return fail("%s has no allocations by call site: record the program with hakmem record --full", page->path);
  }
  if (model_has_merge(page->main))
    return fail("%s is a merge, which has no call sites: their addresses belong to one process. Export the runs themselves", page->path);
  return fail("%s has no call sites: run the program with HAKMEM_PROFILE=512K in its environment (live heap), or record it with hakmem record --full "
              "(allocations)",
              page->path);
}

void samples_free(struct samples *s) {
  for (size_t i = 0; i < s->count; i++) {
    for (size_t k = 0; k < s->list[i].count; k++) free(s->list[i].frames[k].function);
    free(s->list[i].frames);
  }
  for (size_t i = 0; i < s->symbols_count; i++) symbolizer_destroy(s->symbols[i].symbolizer);
  free(s->symbols);
  free(s->list);
  *s = (struct samples){0};
}

/* ---- Text ---- */

char *sample_folded(const struct sample *sample) {
  char *folded = must_copy("");
  for (size_t i = sample->count; i-- > 0;) {
    char *const name = escape(sample->frames[i].function);
    for (char *c = name; *c != '\0'; c++) {
      if (*c == ';') *c = ':';
    }
    must_list(&folded, ";", name);
    free(name);
  }
  return folded;
}

#define PROCESSES_NAMED 8

char *processes_text(const struct page *page) {
  const struct report *const r = page->main;
  char *text = must_print("%zu process%s:", r->process_count, r->process_count == 1 ? "" : "es");
  for (size_t i = 0; i < r->process_count && i < PROCESSES_NAMED; i++) {
    const struct model_process *const p = r->processes[i];
    char what[MODEL_MERGE], *const program = escape(p->program);
    char *const longer = p->merge != NULL ? must_print("%s%s %s", text, i > 0 ? "," : "", model_merge_text(p->merge, what))
                                          : must_print("%s%s %u (%s)", text, i > 0 ? "," : "", p->pid, program);
    free(program);
    free(text);
    text = longer;
  }
  if (r->process_count <= PROCESSES_NAMED) return text;
  char *const longer = must_print("%s and others", text);
  free(text);
  return longer;
}
